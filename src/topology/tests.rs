//! Whole files: a good one, one with many mistakes, small tables of single mistakes, and mutated text that must not panic.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::{LoadOptions, Topology, TopologyError, graph, load, parse, schema};

const GOOD: &str = include_str!("testdata/good.clab.yaml");
const BAD: &str = include_str!("testdata/bad.clab.yaml");

fn options() -> LoadOptions {
    LoadOptions {
        environment: BTreeMap::from([("HOME".to_owned(), "/home/op".to_owned())]),
        ..LoadOptions::default()
    }
}

fn read(text: &str) -> Result<Topology, TopologyError> {
    parse(Path::new("/labs/lab.clab.yaml"), text, &options())
}

fn problems(text: &str) -> String {
    match read(text) {
        Ok(_) => "no problem".to_owned(),
        Err(TopologyError::Invalid(problems)) => problems.to_string(),
        Err(other) => other.to_string(),
    }
}

/// A small lab around some lines, to look at one mistake at a time.
fn lab(lines: &str) -> String {
    format!(
        "name: lab\ntopology:\n  defaults: {{kind: linux}}\n  nodes:\n    a: {{}}\n    b: {{}}\n  links:\n    - endpoints: [\"a:eth1\", \"b:eth1\"]\n{lines}"
    )
}

#[test]
fn a_good_file_becomes_this_graph() {
    insta::assert_json_snapshot!(read(GOOD).unwrap());
}

#[test]
fn all_mistakes_of_a_file_are_told_at_once() {
    let options = LoadOptions {
        check_files: true,
        ..options()
    };
    let error = parse(Path::new("/labs/bad.clab.yaml"), BAD, &options).unwrap_err();
    insta::assert_snapshot!(error.diagnostics().unwrap());
}

#[test]
fn single_mistakes_are_told_with_their_place() {
    for (text, expected) in [
        ("", "1:1: the file is empty"),
        ("- a", "the topology file must be a mapping, found a list"),
        (
            "topology: {nodes: {a: {kind: linux}}}",
            "1:1: the topology has no `name`",
        ),
        ("name: x", "1:1: the file has no `topology`"),
        ("name: x\ntopology: {}", "2:11: the topology has no nodes"),
        (
            "name: x\ntopology: {nodes: {a: {}}}",
            "2:20: node `a` has no kind",
        ),
        ("name: {{ .x }}", "1:10: `<no value>` is not a lab name"),
        ("# {{", "1:3: `{{` without its `}}`"),
        ("name: ${x", "1:7: `${` without its `}` on the same line"),
        ("name: [", "invalid YAML"),
    ] {
        let message = problems(text);
        assert!(message.contains(expected), "{text}\n{message}");
    }
}

#[test]
fn mistakes_in_links_and_addresses_are_told_with_their_place() {
    for (lines, expected) in [
        (
            "    - endpoints: [\"a:eth1\", \"b:eth2\"]",
            "9:19: endpoint `a:eth1` is used twice",
        ),
        (
            "    - endpoints: [\"a:eth2\", \"c:eth3\"]",
            "9:29: endpoint names node `c`, which is not defined",
        ),
        (
            "    - endpoints: [\"a:eth2\", \"b:e:h\"]",
            "9:29: `e:h` is no interface of node `b` of kind `linux`",
        ),
        (
            "    - {endpoints: [\"a:eth2\", \"b:eth2\"], mtu: 67}",
            "MTU 67 is not possible",
        ),
        (
            "    - {type: dummy, endpoint: {node: a}}",
            "9:31: an endpoint has no `interface`",
        ),
        (
            "    - {type: veth, endpoints: [{node: a}, {node: b, interface: e}]}",
            "an endpoint has no `interface`",
        ),
        (
            "mgmt: {ipv4-subnet: 10.0.0.0/30}",
            "9:21: no address is left for node `b` in 10.0.0.0/30",
        ),
        ("mgmt: {ipv4-subnet: 3fff::/64}", "is not an IPv4 subnet"),
        (
            "mgmt: {ipv4-gw: 10.0.0.1}",
            "gateway 10.0.0.1 lies outside the management subnet",
        ),
    ] {
        let message = problems(&lab(lines));
        assert!(message.contains(expected), "{lines}\n{message}");
    }
}

#[test]
fn fixed_addresses_are_checked_against_subnet_and_each_other() {
    let nodes = |a: &str, b: &str| {
        problems(&format!(
            "name: x\nmgmt: {{ipv4-subnet: 10.1.0.0/24}}\ntopology:\n  defaults: {{kind: linux}}\n  nodes:\n    a: {{{a}}}\n    b: {{{b}}}\n"
        ))
    };
    let taken = nodes("mgmt-ipv4: 10.1.0.9", "mgmt-ipv4: 10.1.0.9");
    assert!(
        taken.contains("address 10.1.0.9 of node `b` is taken by node `a`"),
        "{taken}"
    );
    assert!(nodes("mgmt-ipv4: 10.2.0.9", "").contains("lies outside the management subnet 10.1.0.0/24"));
    assert!(nodes("mgmt-ipv4: 10.1.0.255", "").contains("no host address"));
    assert!(nodes("mgmt-ipv4: 10.1.0.9/24", "").contains("without a prefix length"));
    assert!(nodes("mgmt-ipv6: 3fff::1", "").contains("the management network has no IPv6 subnet"));
}

#[test]
fn addresses_are_given_in_file_order_around_gateway_and_fixed_ones() {
    let topology = read(
        "name: x\nmgmt: {ipv4-subnet: 10.1.0.0/29}\ntopology:\n  defaults: {kind: linux}\n  nodes:\n    a: {}\n    b: {mgmt-ipv4: 10.1.0.3}\n    c: {}\n    br: {kind: bridge}\n    n: {network-mode: none}\n",
    )
    .unwrap();
    let given: Vec<_> = topology
        .nodes
        .values()
        .map(|node| {
            node.mgmt_ipv4
                .map(|address| address.to_string())
                .unwrap_or_default()
        })
        .collect();
    assert_eq!(given, ["10.1.0.2", "10.1.0.3", "10.1.0.4", "", ""]);
}

#[test]
fn the_whole_environment_can_be_imported_and_loses_to_what_is_written() {
    let topology = read("name: x\ntopology:\n  nodes:\n    a: {kind: linux, env: {__IMPORT_ENVS: true, HOME: /mine}}\n    b: {kind: linux, env: {__IMPORT_ENVS: \"true\"}}\n").unwrap();
    assert_eq!(topology.nodes["a"].env["HOME"], "/mine");
    assert_eq!(topology.nodes["b"].env["HOME"], "/home/op");
}

#[test]
fn kinds_come_from_node_then_group_then_defaults_and_in_any_case() {
    let topology = read(
        "name: x\ntopology:\n  defaults: {kind: Linux}\n  groups: {sw: {kind: ceos}}\n  nodes:\n    a: {}\n    b: {group: sw}\n    c: {group: sw, kind: VR-VMX}\n",
    )
    .unwrap();
    let kinds: Vec<_> = topology.nodes.values().map(|node| node.kind.as_str()).collect();
    assert_eq!(kinds, ["linux", "arista_ceos", "juniper_vmx"]);
}

#[test]
fn a_folder_with_one_topology_stands_for_it_and_its_files_must_exist() {
    let folder = tempfile::tempdir().unwrap();
    let options = LoadOptions {
        check_files: true,
        name: Some("renamed".to_owned()),
        ..options()
    };
    let error = load(folder.path(), &options).unwrap_err().to_string();
    assert!(error.contains("expected exactly one *.clab.yaml"), "{error}");
    let text = "name: x\ntopology:\n  nodes:\n    a: {kind: linux, binds: [\"conf:/etc/conf\", \"clab-renamed/ansible-inventory.yml:/x\"]}\n";
    std::fs::write(folder.path().join("x.clab.yml"), text).unwrap();
    let error = load(folder.path(), &options).unwrap_err();
    assert!(
        error
            .diagnostics()
            .unwrap()
            .to_string()
            .contains("bind source `conf` does not exist")
    );
    std::fs::write(folder.path().join("conf"), "").unwrap();
    let topology = load(folder.path(), &options).unwrap();
    assert_eq!(topology.name, "renamed");
    assert_eq!(topology.nodes["a"].binds[0].source, folder.path().join("conf"));
    assert_eq!(
        load(&PathBuf::from("/no/such/file"), &options)
            .unwrap_err()
            .to_string(),
        "read topology /no/such/file"
    );
}

#[test]
fn a_templated_fabric_is_read_with_its_variables_and_templates() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/topology/testdata/templates/clos");
    let file = folder.join("clos.clab.gotmpl");
    let sources = super::sources::Sources::read(&file, &options()).unwrap();
    let prepared = super::prepared::Prepared::new(sources, &options().environment).unwrap();
    insta::assert_snapshot!("templated_fabric", prepared.text);
    let topology = load(&file, &options()).unwrap();
    assert_eq!((topology.nodes.len(), topology.links.len()), (7, 8));
    assert_eq!(
        topology.nodes["leaf3"].line, 14,
        "nodes know the line of the template"
    );
}

#[test]
fn variables_given_by_name_take_the_place_of_those_beside_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let file = write(
        "x.clab.yml",
        "name: {{ .lab }}\ntopology:\n  nodes:\n    {{ .node.name }}: {kind: {{ .node.kind }}}\n",
    );
    write("x.clab_vars.yaml", "lab: auto\nnode: {name: a, kind: linux}\n");
    let one = write("one.yaml", "lab: one\nnode: {name: b, kind: linux}\n");
    let two = write("two.json", "{\"node\": {\"name\": \"c\"}}");
    let read = |variables: Vec<PathBuf>| {
        let topology = load(
            &file,
            &LoadOptions {
                variables,
                ..options()
            },
        )
        .unwrap();
        format!("{} {}", topology.name, topology.nodes.keys().next().unwrap())
    };
    assert_eq!(read(vec![]), "auto a");
    assert_eq!(read(vec![one, two]), "one c");
    let list = write("list.yaml", "- a\n");
    let options = LoadOptions {
        variables: vec![list],
        ..options()
    };
    let error = load(&file, &options).unwrap_err();
    assert!(
        error
            .diagnostics()
            .unwrap()
            .to_string()
            .contains("list.yaml:1:1: a variables file must be a mapping, found a list")
    );
}

#[test]
fn problems_behind_a_template_point_into_the_file() {
    let text = "name: x{{/* two\nlines */}}\ntopology:\n  defaults: {kind: linux}\n  nodes:\n{{- range seq 2 }}\n    n{{ . }}: {imagee: {{ mul . 2 }}}\n{{- end }}\n    z: {kind: ${KIND:=linx}}\n    y: {kynd: a}\n";
    let mistake = "name: x\ntopology:\n  nodes:\n    {{ range .x }}\n    a: {kind: {{ .kind | toUpper }}}\n    {{ end }}\n";
    insta::assert_snapshot!(
        "templated_problems",
        format!("{}\n\n{}", problems(text), problems(mistake))
    );
}

#[test]
fn topologies_from_elsewhere_are_refused() {
    for what in [
        "https://x.org/a.clab.yml",
        "srl-labs/srlinux-getting-started",
        "github.com/a/b",
        "s3://b/k.clab.yml",
    ] {
        let error = load(Path::new(what), &options()).unwrap_err().to_string();
        assert!(error.contains("download or clone it"), "{error}");
    }
}

#[test]
fn a_file_too_large_for_a_topology_and_a_long_line_do_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("big.clab.yml");
    std::fs::write(&file, vec![b'#'; 17 << 20]).unwrap();
    assert!(
        load(&file, &options())
            .unwrap_err()
            .to_string()
            .contains("larger than 16 MiB")
    );
    let long = format!("name: {}\n", "x".repeat(10 << 20));
    assert!(read(&long).is_err());
    assert!(read(&format!("# {}\n", "$".repeat(10 << 20))).is_err());
    assert!(problems(&"$PATH ".repeat(100)).contains("problem"));
    let bomb = BTreeMap::from([("BIG".to_owned(), "x".repeat(100_000))]);
    let options = LoadOptions {
        environment: bomb,
        ..options()
    };
    let error = parse(Path::new("x"), &"$BIG ".repeat(1000), &options).unwrap_err();
    assert!(
        error
            .diagnostics()
            .unwrap()
            .to_string()
            .contains("longer than 16 MiB")
    );
}

#[test]
fn the_schema_knows_every_key_of_the_good_file() {
    let schema = schema::json_schema();
    let text = GOOD.replace("${LAB:=good}", "good");
    let document = crate::base::Document::parse(Path::new("good"), &text).unwrap();
    let mut unknown = Vec::new();
    walk(&document.root, &schema, &schema, "", &mut unknown);
    assert!(unknown.is_empty(), "{unknown:?}");
}

/// Follows a tree and its schema; collects keys that the schema would refuse.
fn walk(
    node: &crate::base::Node,
    part: &serde_json::Value,
    root: &serde_json::Value,
    path: &str,
    unknown: &mut Vec<String>,
) {
    if let Some(reference) = part.get("$ref").and_then(|r| r.as_str()) {
        let target = root.pointer(reference.trim_start_matches('#')).unwrap();
        return walk(node, target, root, path, unknown);
    }
    if let Some(choices) = part.get("anyOf").and_then(|c| c.as_array()) {
        let best = choices.iter().map(|choice| {
            let mut list = Vec::new();
            walk(node, choice, root, path, &mut list);
            list
        });
        unknown.extend(best.min_by_key(Vec::len).unwrap());
        return;
    }
    for item in node.as_sequence().unwrap_or_default() {
        walk(item, &part["items"], root, path, unknown);
    }
    for (key, value) in node.as_mapping().unwrap_or_default() {
        let name = key.as_text().unwrap();
        let below = format!("{path}/{name}");
        let pattern = part
            .get("patternProperties")
            .and_then(|p| p.as_object())
            .and_then(|patterns| {
                let prefix = |p: &str| {
                    p.trim_start_matches('^')
                        .trim_end_matches(".+$")
                        .replace('\\', "")
                };
                patterns
                    .iter()
                    .find(|(p, _)| name.starts_with(&prefix(p)))
                    .map(|(_, schema)| schema)
            });
        let further = part.get("properties").and_then(|p| p.get(name)).or(pattern);
        match further.or_else(|| part.get("additionalProperties")) {
            Some(serde_json::Value::Bool(false)) => unknown.push(below),
            Some(schema) => walk(value, schema, root, &below, unknown),
            None => {}
        }
    }
}

#[test]
fn the_schema_describes_every_property_for_editors() {
    let schema = schema::json_schema();
    insta::assert_json_snapshot!(schema["$defs"]["nodeLabels"]);
    for (name, property) in schema["$defs"]["node"]["properties"].as_object().unwrap() {
        assert!(
            property["description"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{name}"
        );
    }
}

#[test]
fn drawings_in_other_languages_keep_sites_roles_and_interfaces() {
    let topology = read(GOOD).unwrap();
    insta::assert_snapshot!("dot", graph::dot(&topology));
    insta::assert_snapshot!("mermaid", graph::mermaid(&topology));
    insta::assert_snapshot!("svg", graph::svg(&topology));
}

#[test]
fn boxes_never_overlap_and_stay_inside_the_drawing() {
    for count in [1_usize, 2, 7, 13, 30] {
        let mut text = "name: x\ntopology:\n  defaults: {kind: linux}\n  nodes:\n".to_owned();
        for index in 0..count {
            let site = [
                "",
                "faultlab.site: fra8",
                "faultlab.site: fr4",
                "faultlab.site: maincubes",
            ][index % 4];
            let _ = writeln!(text, "    n{index}: {{labels: {{faultlab.role: r, {site}}}}}");
        }
        text.push_str("  links:\n");
        for index in 1..count {
            let _ = writeln!(
                text,
                "    - endpoints: [\"n{index}:eth1\", \"n{}:e{index}\"]",
                index / 3
            );
        }
        let drawn = graph::layout(&read(&text).unwrap());
        let places: Vec<_> = drawn.positions.values().collect();
        for (index, a) in places.iter().enumerate() {
            assert!(a.x > 50.0 && a.x < drawn.size.0 - 50.0 && a.y < drawn.size.1);
            for b in &places[index + 1..] {
                assert!(
                    (a.x - b.x).abs() >= 118.0 || (a.y - b.y).abs() >= 46.0,
                    "{count}: {a:?} {b:?}"
                );
            }
        }
    }
}

proptest! {
    #[test]
    fn no_environment_makes_the_reader_panic(text in "([${}:=+_a1\\-]|\\$\\{|ä|\n){0,40}", value in "[$a{}\n]{0,6}") {
        let options = LoadOptions {
            environment: BTreeMap::from([("a".to_owned(), value), ("a1".to_owned(), String::new())]),
            ..LoadOptions::default()
        };
        if let Err(error) = parse(Path::new("x"), &text, &options) {
            let _ = crate::base::ErrorChain::new(&error).to_string();
        }
    }

    #[test]
    fn no_mutation_of_a_file_makes_the_reader_panic(
        bad in any::<bool>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..12, "([ -~\\n]|\\{\\{|\\}\\}|\\$\\{){0,4}"), 1..8),
    ) {
        let mut text: Vec<char> = if bad { BAD } else { GOOD }.chars().collect();
        for (at, cut, insert) in edits {
            let at = at.index(text.len().max(1)).min(text.len());
            let end = (at + cut).min(text.len());
            text.splice(at..end, insert.chars());
        }
        let text: String = text.into_iter().collect();
        if let Err(error) = read(&text) {
            let _ = crate::base::ErrorChain::new(&error).to_string();
        }
    }
}
