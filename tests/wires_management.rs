//! The management network as nodes see it, and how fast a wire is.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its scene has failed")]
#![expect(dead_code, reason = "the scene is shared with other tests")]

mod scratch;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use faultlab::wire::{Direction, ManagementPort, Traffic, management_wire};
use scratch::{Lab, Node, inside, until};

fn port(node: &Node, host: u8) -> ManagementPort<'_> {
    ManagementPort {
        node: node.name.clone(),
        netns: node.netns.as_fd(),
        addresses: vec![(format!("172.20.20.{host}").parse().unwrap(), 24)],
        mac: node.end("eth0").mac,
    }
}

/// Whether `from` reaches `to` by UDP.
fn reaches(from: &Node, to: (&Node, &str)) -> bool {
    let (sender, receiver) = (from.udp("0.0.0.0:0"), to.0.udp(to.1));
    // Refused when there is no route because there is no carrier: that is not reaching, too.
    let _ = sender.send_to(b"ping", to.1);
    receiver.recv(&mut [0; 16]).is_ok()
}

#[test]
fn management_ports_reach_each_other_and_can_be_cut_and_blocked_one_by_one() {
    let Some(lab) = Lab::start() else { return };
    let (a, b, c) = (Node::new("a"), Node::new("b"), Node::new("c"));
    let gateway = [
        ("172.20.20.1".parse().unwrap(), 24),
        ("3fff:172:20:20::1".parse().unwrap(), 64),
    ];
    lab.panel
        .connect_management(&[port(&a, 11), port(&b, 12)], &gateway)
        .unwrap();
    lab.panel.connect_management(&[port(&c, 13)], &gateway).unwrap();
    let (at_a, at_b, at_c) = ("172.20.20.11:9", "172.20.20.12:9", "172.20.20.13:9");
    let before = lab.panel.snapshot().unwrap();
    assert!(reaches(&a, (&b, at_b)) && reaches(&b, (&c, at_c)) && reaches(&c, (&a, at_a)));

    lab.panel.set_management(&b.name, false).unwrap();
    until("b has no carrier", || {
        (b.flags("eth0") == (true, false)).then_some(())
    });
    assert!(!reaches(&a, (&b, at_b)) && reaches(&a, (&c, at_c)));
    lab.panel.set_management(&b.name, true).unwrap();
    until("b is back", || reaches(&a, (&b, at_b)).then_some(()));

    let wire = management_wire(&b.name);
    let udp = Traffic::Udp { port: 9 };
    let block = lab.panel.block(&wire, Direction::BToA, udp, None).unwrap();
    assert!(!reaches(&a, (&b, at_b)) && reaches(&b, (&c, at_c)));
    let state = lab.panel.state(&wire).unwrap();
    assert_eq!(
        (state.blocks[0].dropped_a_to_b, state.blocks[0].dropped_b_to_a),
        (0, 1)
    );
    lab.panel.unblock(block).unwrap();
    let block = lab.panel.block(&wire, Direction::AToB, udp, None).unwrap();
    assert!(reaches(&a, (&b, at_b)) && !reaches(&b, (&c, at_c)));
    lab.panel.unblock(block).unwrap();
    assert_eq!(before, lab.panel.snapshot().unwrap());
    assert!(reaches(&a, (&b, at_b)) && reaches(&b, (&c, at_c)));
}

#[test]
fn tcp_goes_through_a_wire_with_correct_checksums() {
    let Some((lab, a, b, wire)) = Lab::with_a_wire() else {
        return;
    };
    a.ip("address add 10.0.0.1/24 dev eth1");
    b.ip("address add 10.0.0.2/24 dev eth1");
    let listener = inside(&b.netns, || TcpListener::bind("10.0.0.2:5201").unwrap());
    let (bytes, time) = std::thread::scope(|scope| {
        let sink = scope.spawn(|| {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut buffer, mut bytes) = (vec![0; 1 << 18], 0);
            while let Ok(read @ 1..) = stream.read(&mut buffer) {
                bytes += read;
            }
            bytes
        });
        let start = Instant::now();
        let mut stream = inside(&a.netns, || TcpStream::connect("10.0.0.2:5201").unwrap());
        let block = vec![7; 1 << 18];
        while start.elapsed() < Duration::from_millis(500) {
            stream.write_all(&block).unwrap();
        }
        drop(stream);
        (sink.join().unwrap(), start.elapsed())
    });
    let state = lab.panel.state(&wire).unwrap();
    println!(
        "{} MB in {time:?}, {} frames there, {} back",
        bytes / 1_000_000,
        state.a_to_b.packets,
        state.b_to_a.packets
    );
    assert!(state.a_to_b.bytes >= bytes as u64);
    // A frame that the kernel leaves without checksum is what a user-space switch would drop.
    let probe = b.port("eth1");
    let sender = a.udp("10.0.0.1:7");
    sender.send_to(b"<checked>", "10.0.0.2:9").unwrap();
    let frames = probe.frames();
    let frame = frames.iter().find(|frame| frame.ends_with(b"<checked>")).unwrap();
    assert_eq!(udp_checksum(&frame[14..]), 0xffff);
}

/// Adds up an IPv4 packet's pseudo header and UDP datagram: 0xffff when the checksum in it is correct.
fn udp_checksum(packet: &[u8]) -> u32 {
    let udp = &packet[20..];
    let words = packet[12..20].chunks(2).chain(udp.chunks(2));
    let mut sum: u32 = words
        .map(|word| u32::from(word[0]) << 8 | u32::from(word.get(1).copied().unwrap_or(0)))
        .sum();
    sum += 17 + u32::try_from(udp.len()).unwrap();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    sum
}
