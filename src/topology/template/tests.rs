//! Templates and what Go makes of them.

use std::path::Path;

use proptest::prelude::*;

use super::{Value, merge, render, variables};
use crate::base::Document;

fn data(text: &str) -> Value {
    variables(&Document::parse(Path::new("vars.yaml"), text).unwrap()).unwrap()
}

const VARIABLES: &str = "
n: 3
zero: 0
f: 2.5
big: 1e21
yes: on
no: off
name: r1
empty: ''
nothing: ~
list: [a, b, c]
none: []
mixed: [1, 2.0, x, ~, true, {k: v}]
map: {b: 2, a: 1, 10: ten, 2: two}
deep: {a: {b: {c: here}}}
date: 2026-01-02
time: 10:22
oct: 010
";

fn run(text: &str) -> Result<String, String> {
    let rendered = render(&[("main", text)], &data(VARIABLES));
    rendered
        .map(|(text, _)| text)
        .map_err(|mistake| format!("{}: {}", mistake.at.offset, mistake.message))
}

#[track_caller]
fn gives(table: &[(&str, &str)]) {
    for (text, expected) in table {
        assert_eq!(run(text).as_deref(), Ok(*expected), "{text}");
    }
}

#[test]
fn values_are_printed_as_go_prints_them() {
    gives(&[
        (
            "{{ .n }} {{ .f }} {{ .big }} {{ .yes }} {{ .name }}",
            "3 2.5 1e+21 true r1",
        ),
        (
            "{{ .nothing }}|{{ .missing }}|{{ .missing.deeper }}",
            "<no value>|<no value>|<no value>",
        ),
        (
            "{{ .list }} {{ .none }} {{ .mixed }}",
            "[a b c] [] [1 2 x <nil> true map[k:v]]",
        ),
        ("{{ .map }}", "map[2:two 10:ten a:1 b:2]"),
        ("{{ .date }} {{ .time }} {{ .oct }}", "2026-01-02 10:22 8"),
        (
            "{{ 'a' }} {{ 0x1F }} {{ 1_000 }} {{ 1e3 }} {{ -2 }} {{ 100000000.0 }} {{ 0.00001 }}",
            "97 31 1000 1000 -2 1e+08 1e-05",
        ),
        ("{{ \"a\\tb\\u00e4\\x41\" }}{{ `raw \\n` }}", "a\tbäAraw \\n"),
        ("{{ print 1 2 \"x\" 3 }} {{ println 1 \"x\" }}", "1 2x3 1 x\n"),
        ("{{ print .missing }} {{ .missing | print }}", "<nil> <nil>"),
    ]);
}

#[test]
fn blocks_follow_go() {
    gives(&[
        (
            "{{ if .x }}a{{ end }}{{ if .none }}b{{ else if .empty }}c{{ else if .n }}d{{ else }}e{{ end }}",
            "d",
        ),
        (
            "{{ if .zero }}a{{ end }}{{ if not .nothing }}b{{ end }}{{ if .map }}c{{ end }}",
            "bc",
        ),
        (
            "{{ with .deep.a }}{{ .b.c }}{{ $.name }}{{ end }}{{ with .x }}a{{ else with .name }}{{ . }}{{ else }}b{{ end }}",
            "herer1r1",
        ),
        (
            "{{ range .list }}{{ . }},{{ end }}{{ range .none }}a{{ else }}empty{{ end }}",
            "a,b,c,empty",
        ),
        (
            "{{ range $i, $v := .list }}{{ $i }}{{ $v }} {{ end }}{{ range $v := .list }}{{ $v }}{{ end }}",
            "0a 1b 2c abc",
        ),
        (
            "{{ range $k, $v := .map }}{{ $k }}={{ $v }} {{ end }}",
            "2=two 10=ten a=1 b=2 ",
        ),
        (
            "{{ range 3 }}{{ . }}{{ end }}{{ range $i := 2 }}{{ $i }}{{ end }}",
            "01201",
        ),
        (
            "{{ range .list }}{{ if eq . \"b\" }}{{ continue }}{{ end }}{{ . }}{{ end }}",
            "ac",
        ),
        (
            "{{ range .list }}{{ if eq . \"b\" }}{{ break }}{{ end }}{{ . }}{{ end }}",
            "a",
        ),
        (
            "{{ $x := 1 }}{{ range .list }}{{ $x = add $x 1 }}{{ end }}{{ $x }}",
            "4",
        ),
        (
            "{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ $x }}{{ end }}{{ $x }}",
            "21",
        ),
        (
            "{{ $i := 9 }}{{ $v := 9 }}{{ range $i, $v = .list }}{{ end }}{{ $i }}{{ $v }}",
            "2c",
        ),
    ]);
}

#[test]
fn templates_call_each_other_without_sharing_variables() {
    gives(&[
        (
            "{{ define \"t\" }}<{{ . }}{{ $ }}>{{ end }}{{ template \"t\" .n }}{{ template \"t\" }}",
            "<33><<no value><no value>>",
        ),
        (
            "{{ block \"b\" .list }}{{ len . }}{{ end }}{{ template \"b\" .name }}",
            "32",
        ),
        (
            "{{ range $i, $_ := .list }}{{ else }}x{{ end }}{{ (index .mixed 5).k }}",
            "v",
        ),
    ]);
}

#[test]
fn trim_markers_and_comments_eat_space_only_where_go_does() {
    gives(&[
        ("a \n {{- 1 -}} \n b", "a1b"),
        ("a {{-1}} b", "a -1 b"),
        ("a {{/* no */}} b {{- /* trims\n*/ -}} c", "a  bc"),
        ("{{ 1\n| print }}", "1"),
        ("x{{- \"\" }} y", "x y"),
        ("{{\"{{\"}} }}", "{{ }}"),
    ]);
}

#[test]
fn functions_of_go() {
    gives(&[
        (
            "{{ and 1 0 2 }} {{ or 0 \"\" 5 }} {{ and .x (index .list 99) }} {{ or 1 (index .list 99) }}",
            "0 5 <no value> 1",
        ),
        (
            "{{ eq .n 1 2 3 }} {{ ne 1 2 }} {{ lt 1 2 }} {{ ge \"b\" \"a\" }} {{ eq .x nil }} {{ eq .x 1 }}",
            "true true true true true false",
        ),
        (
            "{{ index .list 1 }} {{ index .map \"a\" }} {{ index .map 10 }} {{ index .map \"zz\" }} {{ index .deep \"a\" \"b\" \"c\" }}",
            "b 1 ten <no value> here",
        ),
        ("{{ len .list }} {{ len .map }} {{ len \"ä\" }}", "3 4 2"),
        (
            "{{ printf \"%s-%02d %5.2f|%-4s|%4s|%q %v %t %x %c %T\" .name 7 .f \"a\" \"b\" \"q\\\"\" .list true 255 65 1 }}",
            "r1-07  2.50|a   |   b|\"q\\\"\" [a b c] true ff A int",
        ),
        (
            "{{ printf \"%d %s\" \"x\" 1 }} {{ printf \"%d\" }} {{ printf \"a\" 1 }} {{ printf \"%[2]d%[1]d %%\" 1 2 }}",
            "%!d(string=x) %!s(int=1) %!d(MISSING) a%!(EXTRA int=1) 21 %",
        ),
        (
            "{{ printf \"%g %e %.3g %+d %03d %d\" 1e6 1.5 1234.5 5 -5 .mixed }}",
            "1e+06 1.500000e+00 1.23e+03 +5 -05 [1 %!d(float64=2) %!d(string=x) <nil> %!d(bool=true) map[%!d(string=k):%!d(string=v)]]",
        ),
        (
            "{{ html \"<a&'\" }} {{ js \"'<\" }} {{ urlquery \"a b/ä\" }}",
            "&lt;a&amp;&#39; \\'\\u003C a+b%2F%C3%A4",
        ),
    ]);
}

#[test]
fn functions_of_containerlab() {
    gives(&[
        (
            "{{ add 1 2 }} {{ add 1 2.5 }} {{ add \"0x10\" \"1,000\" }} {{ subtract 1 2 }} {{ mul 2.5 2 }} {{ add true 1 }}",
            "3 3.5 1016 -1 5 2",
        ),
        (
            "{{ div 1 2 }} {{ div 4 2 }} {{ idiv 7 2 }} {{ rem 7 3 }} {{ idiv \"7.9\" 2 }}",
            "0.5 2 3 1 3",
        ),
        (
            "{{ seq 3 }} {{ seq 2 4 }} {{ seq 5 1 2 }} {{ seq 0 }} {{ seq 1 9 0 }} {{ seq 1 6 2 }} {{ seq 3 3 }}",
            "[1 2 3] [2 3 4] [5 3 1] [1 0] [] [1 3 5] [3]",
        ),
        (
            "{{ slice 1 \"a\" nil }} {{ range slice 1 2 }}{{ . }}{{ end }}",
            "[1 a <nil>] 12",
        ),
        (
            "{{ strings.Split \",\" \"a,b\" }} {{ \"a.b\" | strings.ReplaceAll \".\" \"-\" }} {{ conv.Join (slice 1 \"x\" nil) \"+\" }}",
            "[a b] a-b 1+x+nil",
        ),
        (
            "{{ net.CIDRHost 2 \"10.3.0.9/16\" }} {{ net.CIDRHost -1 \"10.3.0.0/16\" }} {{ net.CIDRHost 5 \"fd00::/64\" }}",
            "10.3.0.2 10.3.255.255 fd00::5",
        ),
        (
            "{{ ToJSON .map }} {{ ToJSON .mixed }} {{ \"<é\" | ToJSON }}",
            "{\"10\":\"ten\",\"2\":\"two\",\"a\":1,\"b\":2} [1,2,\"x\",null,true,{\"k\":\"v\"}] \"\\u003cé\"",
        ),
        (
            "{{ ToJSONPretty .deep \"\" \" \" }}",
            "{\n \"a\": {\n  \"b\": {\n   \"c\": \"here\"\n  }\n }\n}",
        ),
    ]);
}

#[test]
fn mistakes_are_told_with_their_place() {
    let table = [
        "{{ .n",
        "{{ if .n }}",
        "{{ end }}",
        "{{ else }}",
        "{{ if }}{{ end }}",
        "{{ .a-b }}",
        "{{ nope 1 }}",
        "{{ pritn 1 }}",
        "{{ $x }}",
        "{{ $x = 1 }}",
        "{{ break }}",
        "{{ template \"x\" }}",
        "{{ (1 }}",
        "{{ 1 ) }}",
        "{{ \"a }}",
        "{{ 1 | 2 }}",
        "{{ nil }}",
        "{{ .n 1 }}",
        "{{ .nothing.x }}",
        "{{ .name.x }}",
        "{{ add 1 }}",
        "{{ add 1 \"x\" }}",
        "{{ div 1 0 }}",
        "{{ eq 1 \"1\" }}",
        "{{ lt 1 .x }}",
        "{{ index .list 3 }}",
        "{{ range .name }}{{ end }}",
        "{{ range $a, $b, $c := .list }}{{ end }}",
        "{{ strings.Nope 1 }}",
        "{{ strings }}",
        "{{/* a */ }}",
        "{{ define \"a\" }}x{{ end }}{{ define \"a\" }}y{{ end }}",
        "{{ net.CIDRHost 300 \"10.0.0.0/24\" }}",
        "{{ 99999999999999999999 }}",
        "{{ 'ab' }}",
        "{{ printf \"%.65536f\" 1.5 }}",
        "{{ if 1 }}{{ define \"x\" }}{{ end }}{{ end }}",
        "{{ }}",
        "{{ 1 ; 2 }}",
    ];
    let told: String = table
        .iter()
        .map(|text| {
            format!(
                "{text}\n    {}\n",
                run(text).map_or_else(|told| told, |text| format!("gives {text}"))
            )
        })
        .collect();
    insta::assert_snapshot!(told);
}

#[test]
fn what_never_ends_is_stopped() {
    let deep = format!("{}1{}", "(".repeat(5000), ")".repeat(5000));
    let blocks = format!("{}{}", "{{if 1}}".repeat(5000), "{{end}}".repeat(5000));
    let table = [
        ("{{ range seq 1 9999999999 }}{{ end }}".to_owned(), "steps"),
        ("{{ range 9223372036854775807 }}{{ end }}".to_owned(), "steps"),
        (
            "{{ seq -9223372036854775807 9223372036854775807 }}".to_owned(),
            "steps",
        ),
        (
            "{{ define \"t\" }}{{ template \"t\" . }}{{ end }}{{ template \"t\" }}".to_owned(),
            "call each other",
        ),
        ("{{ template \"main\" . }}".to_owned(), "call each other"),
        (
            "{{ $x := \"ab\" }}{{ range 60 }}{{ $x = print $x $x }}{{ end }}".to_owned(),
            "MiB of text",
        ),
        (
            "{{ $x := slice 1 }}{{ range 45 }}{{ $x = slice $x $x }}{{ end }}{{ $x }}".to_owned(),
            "template",
        ),
        (
            "{{ $x := slice 1 }}{{ range 99 }}{{ $x = slice $x }}{{ end }}".to_owned(),
            "nested deeper",
        ),
        (
            "{{ range 1000000 }}{{ printf \"%100s\" 1 }}{{ end }}".to_owned(),
            "template",
        ),
        (
            "{{ range 100 }}{{ printf \"%999999d%.60000f\" 1 1.0 }}{{ end }}".to_owned(),
            "MiB",
        ),
        (format!("{{{{ {deep} }}}}"), "nested deeper"),
        (blocks, "nested deeper"),
    ];
    for (text, expected) in table {
        let told = run(&text).unwrap_err();
        assert!(told.contains(expected), "{}\n{told}", &text[..text.len().min(80)]);
    }
}

#[test]
fn variables_merge_deeply_and_later_ones_win() {
    let merged = merge(
        data("a: {x: 1, y: {z: 1}}\nb: [1]"),
        data("a: {y: {w: 2}}\nb: [2]\nc: 3"),
    );
    let text = "{{ ToJSON . }}";
    let (text, _) = render(&[("main", text)], &merged).unwrap();
    assert_eq!(text, r#"{"a":{"x":1,"y":{"w":2,"z":1}},"b":[2],"c":3}"#);
}

proptest! {
    #[test]
    fn no_text_makes_the_template_engine_panic(
        parts in prop::collection::vec(
            prop_oneof![
                Just("{{".to_owned()), Just("}}".to_owned()), Just(" -}}".to_owned()), Just("{{- ".to_owned()),
                Just("range ".to_owned()), Just("if ".to_owned()), Just("else ".to_owned()), Just("end".to_owned()),
                Just("with ".to_owned()), Just("define \"a\"".to_owned()), Just("template \"a\" .".to_owned()),
                Just("$x := ".to_owned()), Just("$x ".to_owned()), Just(".list ".to_owned()), Just("(".to_owned()),
                Just(") ".to_owned()), Just("| ".to_owned()), Just("printf \"%*.*[1]d%v\" ".to_owned()), Just("seq 1 3 ".to_owned()),
                Just("index .mixed 5 ".to_owned()), Just(".n ".to_owned()), Just("'x' ".to_owned()), Just("-9223372036854775808 ".to_owned()),
                Just("idiv ".to_owned()), Just("{{/*".to_owned()), Just("*/}}".to_owned()), "[ -~äß\\n]{0,4}",
            ],
            0..24,
        )
    ) {
        let _ = run(&parts.concat());
    }

    #[test]
    fn no_action_makes_the_template_engine_panic(words in prop::collection::vec(
        prop::sample::select(vec![
            "add", "mul", "div", "idiv", "rem", "seq", "slice", "index", "len", "eq", "lt", "and", "or", "not", "printf", "print", "html",
            "strings.Split", "strings.ReplaceAll", "conv.Join", "net.CIDRHost", "ToJSON", "ToJSONPretty", "call", "js", "urlquery",
            ".list", ".mixed", ".map", ".n", ".f", ".missing", ".nothing", "nil", "true", "-1", "0", "1.5", "9223372036854775807",
            "-9223372036854775808", "\"\"", "\"a,b\"", "\"10.0.0.0/0\"", "\"::/0\"", "\"%-+# 010.3[2]x%q%e%U%%%z%\"", "|", "(seq 5)", ".deep.a", "$",
        ]), 1..7)) {
        let _ = run(&format!("{{{{ {} }}}}", words.join(" ")));
    }
}
