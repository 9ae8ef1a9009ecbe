//! Cables as nodes see them: real namespaces, real frames, the real panel.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its scene has failed")]

#[expect(dead_code, reason = "the scene is shared with other tests")]
mod scratch;

use std::collections::BTreeSet;
use std::time::Duration;

use faultlab::topology::model::LinkId;
use faultlab::wire::{Direction, Lease, Panel, Traffic};
use scratch::{Lab, Node, Port, frame, ip_head, until};

/// One frame of each kind that some block is about, and one that only blocks of everything are about.
fn zoo() -> Vec<(String, Vec<u8>)> {
    let mut kinds = vec![
        ("lacp", 0x8809, vec![1, 1]),
        ("arp", 0x0806, vec![0, 1]),
        ("lldp", 0x88cc, vec![2, 7]),
        ("mpls", 0x8847, vec![0; 4]),
    ];
    for (name, version, protocol, from, to) in [
        ("icmp", 4, 1, 0x800, 0),
        ("icmp6", 6, 58, 0x8000, 0),
        ("bfd", 4, 17, 49152, 3784),
        ("bfd6", 6, 17, 49152, 3784),
        ("bfd-echo", 4, 17, 49152, 3785),
        ("bfd-multihop", 4, 17, 49152, 4784),
        ("bgp-to", 4, 6, 40000, 179),
        ("bgp-from", 4, 6, 179, 40000),
        ("bgp6-to", 6, 6, 40000, 179),
        ("bgp6-from", 6, 6, 179, 40000),
        ("iccp-to", 4, 6, 40001, 33012),
        ("iccp-from", 4, 6, 33012, 40001),
        ("dns", 4, 17, 53, 53),
        ("tcp53", 4, 6, 53, 53),
    ] {
        let (ethertype, head) = ip_head(version, protocol, from, to);
        kinds.push((name, ethertype, head));
    }
    let tagged = |tag: Option<u16>| if tag.is_some() { ".tagged" } else { "" };
    let mut zoo = Vec::new();
    for (name, ethertype, head) in kinds {
        for tag in [None, Some(97)] {
            let label = format!("{name}{}", tagged(tag));
            zoo.push((label.clone(), frame(ethertype, tag, &head, &label)));
        }
    }
    zoo
}

fn missing(from: &Port, to: &Port) -> BTreeSet<String> {
    let zoo = zoo();
    for (_, frame) in &zoo {
        from.send(frame);
    }
    let arrived: BTreeSet<String> = to.labels().into_iter().collect();
    let sent = zoo.into_iter().map(|(label, _)| label);
    sent.filter(|label| !arrived.contains(label)).collect()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    let both = |name: &&str| [(*name).to_owned(), format!("{name}.tagged")];
    names.iter().flat_map(both).collect()
}

#[test]
fn every_frame_passes_a_wire_both_ways() {
    let Some((_lab, a, b, _)) = Lab::with_a_wire() else {
        return;
    };
    let (a, b) = (a.port("eth1"), b.port("eth1"));
    assert_eq!(missing(&a, &b), names(&[]));
    assert_eq!(missing(&b, &a), names(&[]));
}

#[test]
fn a_cut_takes_the_carrier_from_both_ends_and_leaves_them_administratively_up() {
    let Some((lab, a, b, wire)) = Lab::with_a_wire() else {
        return;
    };
    let before = lab.panel.snapshot().unwrap();
    for _ in 0..3 {
        lab.panel.cut(&wire, None).unwrap();
        let state = lab.panel.state(&wire).unwrap();
        assert!(state.cut && state.a_inner_up && state.b_inner_up && !state.a_carrier && !state.b_carrier);
        until("a has no carrier", || {
            (a.flags("eth1") == (true, false)).then_some(())
        });
        until("b has no carrier", || {
            (b.flags("eth1") == (true, false)).then_some(())
        });
        assert_ne!(before, lab.panel.snapshot().unwrap());
        lab.panel.restore(&wire).unwrap();
        let state = lab.panel.state(&wire).unwrap();
        assert!(!state.cut && state.a_carrier && state.b_carrier);
        until("a is back", || (a.flags("eth1") == (true, true)).then_some(()));
        until("b is back", || (b.flags("eth1") == (true, true)).then_some(()));
    }
    assert_eq!(before, lab.panel.snapshot().unwrap());
    assert_eq!(missing(&a.port("eth1"), &b.port("eth1")), names(&[]));
}

#[test]
fn a_shutdown_is_carrier_loss_at_the_far_end_and_comes_back() {
    let Some((lab, a, b, wire)) = Lab::with_a_wire() else {
        return;
    };
    for _ in 0..3 {
        let start = std::time::Instant::now();
        a.ip("link set eth1 down");
        until("b has no carrier", || {
            (b.flags("eth1") == (true, false)).then_some(())
        });
        println!("carrier lost within {:?} of starting `ip`", start.elapsed());
        assert!(!a.flags("eth1").0);
        a.ip("link set eth1 up");
        until("b is back", || (b.flags("eth1") == (true, true)).then_some(()));
        until("a is back", || (a.flags("eth1") == (true, true)).then_some(()));
    }
    // A shutdown while the wire is cut changes nothing until both are undone.
    lab.panel.cut(&wire, None).unwrap();
    b.ip("link set eth1 down");
    lab.panel.restore(&wire).unwrap();
    until("a has no carrier", || {
        (a.flags("eth1") == (true, false)).then_some(())
    });
    b.ip("link set eth1 up");
    until("a is back", || (a.flags("eth1") == (true, true)).then_some(()));
    until("b is back", || (b.flags("eth1") == (true, true)).then_some(()));
    assert_eq!(missing(&a.port("eth1"), &b.port("eth1")), names(&[]));
}

#[test]
fn each_block_drops_its_own_traffic_tagged_and_untagged_and_nothing_else() {
    let Some((lab, a, b, wire)) = Lab::with_a_wire() else {
        return;
    };
    let (a, b) = (a.port("eth1"), b.port("eth1"));
    let before = lab.panel.snapshot().unwrap();
    let all: Vec<String> = zoo().into_iter().map(|(label, _)| label).collect();
    let all: BTreeSet<String> = all.into_iter().collect();
    let cases = [
        (Traffic::Lacp, names(&["lacp"])),
        (Traffic::Arp, names(&["arp"])),
        (Traffic::Icmp, names(&["icmp", "icmp6"])),
        (Traffic::Bfd, names(&["bfd", "bfd6", "bfd-echo", "bfd-multihop"])),
        (
            Traffic::Tcp { port: 179 },
            names(&["bgp-to", "bgp-from", "bgp6-to", "bgp6-from"]),
        ),
        (Traffic::Iccp, names(&["iccp-to", "iccp-from"])),
        (Traffic::Udp { port: 53 }, names(&["dns"])),
        (Traffic::All, all.clone()),
        (
            Traffic::AllExceptLacp,
            all.difference(&names(&["lacp"])).cloned().collect(),
        ),
    ];
    for (traffic, dropped) in cases {
        let block = lab.panel.block(&wire, Direction::AToB, traffic, None).unwrap();
        assert_eq!(missing(&a, &b), dropped, "{traffic:?}");
        assert_eq!(missing(&b, &a), names(&[]), "{traffic:?}, the other way");
        let state = lab.panel.state(&wire).unwrap();
        assert_eq!(state.blocks.len(), 1);
        assert_eq!(
            state.blocks[0].dropped_a_to_b,
            dropped.len() as u64,
            "{traffic:?}"
        );
        assert_eq!(state.blocks[0].dropped_b_to_a, 0);
        assert!(state.a_carrier && state.b_carrier);
        lab.panel.unblock(block).unwrap();
        assert!(lab.panel.unblock(block).is_err());
    }
    assert_eq!(missing(&a, &b), names(&[]));
    assert_eq!(before, lab.panel.snapshot().unwrap());
}

#[test]
fn blocks_of_one_wire_add_up_and_are_counted_apart() {
    let Some((lab, a, b, wire)) = Lab::with_a_wire() else {
        return;
    };
    let (a, b) = (a.port("eth1"), b.port("eth1"));
    let zombie = lab
        .panel
        .block(&wire, Direction::Both, Traffic::AllExceptLacp, None)
        .unwrap();
    lab.panel
        .block(&wire, Direction::BToA, Traffic::Lacp, None)
        .unwrap();
    assert_eq!(missing(&a, &b).len(), zoo().len() - 2);
    assert_eq!(missing(&b, &a).len(), zoo().len());
    let state = lab.panel.state(&wire).unwrap();
    let counts: Vec<_> = state
        .blocks
        .iter()
        .map(|block| (block.dropped_a_to_b, block.dropped_b_to_a))
        .collect();
    let most = zoo().len() as u64 - 2;
    assert_eq!(counts, [(most, most), (0, 2)]);
    assert_eq!((state.a_to_b.packets, state.b_to_a.packets), (2, 0));
    lab.panel.unblock(zombie).unwrap();
    assert_eq!(missing(&b, &a), names(&["lacp"]));
}

#[test]
fn a_lease_that_nobody_renews_undoes_cut_and_block() {
    let Some((lab, a, b, wire)) = Lab::with_a_wire() else {
        return;
    };
    let before = lab.panel.snapshot().unwrap();
    let time = Some(Duration::from_millis(600));
    let client = lab.another_client();
    client.cut(&wire, time).unwrap();
    let block = client.block(&wire, Direction::Both, Traffic::All, time).unwrap();
    let held = [Lease::Cut(wire.clone()), Lease::Block(block)];
    for _ in 0..5 {
        std::thread::sleep(Duration::from_millis(250));
        assert_eq!(client.renew(&held).unwrap(), held);
    }
    assert!(client.state(&wire).unwrap().cut);
    drop(client);
    until("everything is undone", || {
        let state = lab.panel.state(&wire).unwrap();
        (!state.cut && state.blocks.is_empty()).then_some(())
    });
    assert_eq!(lab.panel.renew(&held).unwrap(), []);
    assert_eq!(before, lab.panel.snapshot().unwrap());
    assert_eq!(missing(&a.port("eth1"), &b.port("eth1")), names(&[]));
}

#[test]
fn adding_and_removing_blocks_loses_no_other_frame() {
    let Some((lab, a, b, wire)) = Lab::with_a_wire() else {
        return;
    };
    let (from, to) = (a.port("eth1"), b.port("eth1"));
    let (ethertype, head) = ip_head(4, 17, 7000, 7000);
    let toggling = std::sync::atomic::AtomicBool::new(true);
    let sent = std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut sent = Vec::new();
            while toggling.load(std::sync::atomic::Ordering::Relaxed) || sent.len() < 500 {
                let label = format!("n{}", sent.len());
                from.send(&frame(ethertype, None, &head, &label));
                sent.push(label);
                std::thread::sleep(Duration::from_micros(200));
            }
            sent
        });
        for _ in 0..20 {
            for traffic in [Traffic::Bfd, Traffic::Lacp, Traffic::Tcp { port: 179 }] {
                let block = lab.panel.block(&wire, Direction::Both, traffic, None).unwrap();
                std::thread::sleep(Duration::from_millis(5));
                lab.panel.unblock(block).unwrap();
            }
        }
        toggling.store(false, std::sync::atomic::Ordering::Relaxed);
        sender.join().unwrap()
    });
    let arrived: BTreeSet<String> = to.labels().into_iter().collect();
    let lost: Vec<_> = sent.iter().filter(|label| !arrived.contains(*label)).collect();
    println!("{} frames sent, {} lost", sent.len(), lost.len());
    assert!(lost.is_empty(), "{} of {} lost", lost.len(), sent.len());
}

#[test]
fn names_that_are_not_there_are_refused_with_those_that_are() {
    let Some((lab, a, b, wire)) = Lab::with_a_wire() else {
        return;
    };
    let error = lab.panel.cut(&LinkId("x--y".into()), None).unwrap_err();
    assert_eq!(error.to_string(), "find wire `x--y`");
    let twice = scratch::spec(&wire.0, a.end("eth2"), b.end("eth2"));
    assert!(lab.panel.connect(&[twice]).is_err());
    let before = lab.panel.snapshot().unwrap();
    let one_good_one_bad = [
        scratch::spec("good", a.end("eth2"), b.end("eth2")),
        scratch::spec("bad", a.end("lo"), b.end("eth3")),
    ];
    let error = lab.panel.connect(&one_good_one_bad).unwrap_err();
    assert!(error.to_string().starts_with("connect a:lo"), "{error}");
    assert_eq!(before, lab.panel.snapshot().unwrap(), "all or none");
    lab.panel.connect(&one_good_one_bad[..1]).unwrap();
}

#[test]
fn a_hundred_wires_are_connected_at_once_and_operated_quickly() {
    let Some(lab) = Lab::start() else { return };
    let nodes: Vec<Node> = (0..20).map(|n| Node::new(&format!("n{n}"))).collect();
    let ends: Vec<_> = (0..100).map(|n| (n % 20, (n + 1 + n / 20) % 20)).collect();
    let specs: Vec<_> = ends
        .iter()
        .enumerate()
        .map(|(n, (a, b))| {
            let (a, b) = (&nodes[*a], &nodes[*b]);
            scratch::spec(&format!("w{n}"), a.end(&format!("a{n}")), b.end(&format!("b{n}")))
        })
        .collect();
    let start = std::time::Instant::now();
    lab.panel.connect(&specs).unwrap();
    let connected = start.elapsed();
    let wire = LinkId("w42".into());
    let times = |name: &str, work: &dyn Fn(&Panel)| {
        let mut times: Vec<Duration> = (0..50)
            .map(|_| {
                let start = std::time::Instant::now();
                work(&lab.panel);
                start.elapsed()
            })
            .collect();
        times.sort();
        println!("{name}: median {:?}, worst {:?}", times[25], times[49]);
        times[25]
    };
    let slowest = [
        times("cut", &|panel| panel.cut(&wire, None).unwrap()),
        times("cut + restore", &|panel| {
            panel.cut(&wire, None).unwrap();
            panel.restore(&wire).unwrap();
        }) / 2,
        times("block + unblock", &|panel| {
            let block = panel.block(&wire, Direction::Both, Traffic::Bfd, None).unwrap();
            panel.unblock(block).unwrap();
        }) / 2,
        times("state", &|panel| drop(panel.state(&wire).unwrap())),
    ];
    let start = std::time::Instant::now();
    assert_eq!(lab.panel.snapshot().unwrap().len(), 100);
    println!(
        "connect 100: {connected:?}; snapshot of 100: {:?}",
        start.elapsed()
    );
    // Generous, because tests run next to each other; the printed figures are the measurement.
    assert!(connected < Duration::from_secs(3), "{connected:?}");
    assert!(
        slowest.iter().all(|time| *time < Duration::from_millis(50)),
        "{slowest:?}"
    );
}

#[test]
fn a_capture_holds_what_both_nodes_sent_with_its_tags_and_before_blocks() {
    let Some((lab, a, b, wire)) = Lab::with_a_wire() else {
        return;
    };
    let (a, b) = (a.port("eth1"), b.port("eth1"));
    let path = lab.folder().join("wire.pcapng");
    let capture = lab
        .panel
        .capture(&wire, &std::fs::File::create(&path).unwrap())
        .unwrap();
    lab.panel
        .block(&wire, Direction::Both, Traffic::All, None)
        .unwrap();
    let sent = [
        frame(0x0806, Some(97), &[0, 1], "tagged"),
        frame(0x8809, None, &[1], "plain"),
    ];
    a.send(&sent[0]);
    b.send(&sent[1]);
    until("both frames are in the file", || {
        let file = std::fs::read(&path).unwrap();
        let holds = |frame: &Vec<u8>| file.windows(frame.len()).any(|part| part == frame);
        sent.iter().all(holds).then_some(())
    });
    assert_eq!(lab.panel.stop_capture(capture).unwrap(), 2);
    assert!(lab.panel.stop_capture(capture).is_err());
}
