//! The sending thread: every flow on its own absolute schedule.
//!
//! A send that is late is never made up for by a burst: the slots missed are skipped and counted. Bursts would measure queues
//! instead of reachability.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::Ordering;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, ClockNanosleepFlags, clock_nanosleep};

use super::Shared;
use super::packet::{HEADER_LENGTH, Header};
use crate::base::MonoTime;
use crate::record::FlowId;

/// Longest sleep, so that stopping is noticed.
const LONGEST_SLEEP: Duration = Duration::from_millis(50);

/// Longest delay of a send for the sake of fewer wake-ups.
const LONGEST_GATHERING: Duration = Duration::from_micros(500);

/// A flow as its sender sees it.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) flow: FlowId,
    pub(super) socket: UdpSocket,
    pub(super) destination: SocketAddr,
    pub(super) interval_ns: u64,
    pub(super) first_due: MonoTime,
}

/// Sends until told to stop.
pub(super) fn run(shared: &Shared, lanes: &[Lane], packet_bytes: usize) {
    ask_for_punctuality(shared.packets_per_second, SENDER);
    let mut packet = vec![0; packet_bytes.max(HEADER_LENGTH)];
    let mut due: BinaryHeap<Reverse<(MonoTime, usize)>> = lanes
        .iter()
        .enumerate()
        .map(|(index, lane)| Reverse((lane.first_due, index)))
        .collect();
    let gathering = gathering(lanes);
    while !shared.stop_sending.load(Ordering::Relaxed) {
        let Some(Reverse((when, index))) = due.peek().copied() else {
            return;
        };
        let now = MonoTime::now();
        if when > now {
            sleep_until((when + gathering).min(now + LONGEST_SLEEP));
            continue;
        }
        due.pop();
        let lane = &lanes[index];
        send(shared, index, lane, &mut packet, now, now.since(when));
        let missed = (now.0 - when.0) / lane.interval_ns;
        shared.lateness.skipped.fetch_add(missed, Ordering::Relaxed);
        due.push(Reverse((
            MonoTime(when.0 + (missed + 1) * lane.interval_ns),
            index,
        )));
    }
}

/// How long the thread sleeps past the next due send, so that one wake-up serves several flows.
///
/// A wake-up costs more than a packet, and the lab needs the processor too. Bounds of gaps do not suffer: they are actual
/// sending times.
fn gathering(lanes: &[Lane]) -> Duration {
    let shortest = lanes.iter().map(|lane| lane.interval_ns).min().unwrap_or(0);
    Duration::from_nanos(shortest / 20).min(LONGEST_GATHERING)
}

fn send(shared: &Shared, index: usize, lane: &Lane, packet: &mut [u8], now: MonoTime, behind: Duration) {
    let late_ns = u64::try_from(behind.as_nanos()).unwrap_or(u64::MAX);
    let spoiled = late_ns > lane.interval_ns / 2;
    shared.lateness.note(late_ns, spoiled);
    // Booked before it is sent: its arrival may be seen by the other thread at once.
    let Some(seq) = shared.ledger(index).on_sent(now, spoiled) else {
        shared.lateness.skipped.fetch_add(1, Ordering::Relaxed);
        return;
    };
    let header = Header {
        token: shared.token,
        flow: lane.flow,
        seq,
        sent: now,
    };
    header.write(packet);
    // What the kernel refuses to send the network has lost: the sequence number is used up and will never arrive.
    if let Err(error) = lane.socket.send_to(packet, lane.destination) {
        shared.count_send_error(&error);
    }
}

pub(super) fn errno_name(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(code) => format!("{:?}", Errno::from_raw(code)),
        None => error.kind().to_string(),
    }
}

fn sleep_until(when: MonoTime) {
    let seconds = i64::try_from(when.0 / 1_000_000_000).unwrap_or(i64::MAX);
    let nanos = i64::try_from(when.0 % 1_000_000_000).unwrap_or(0);
    // Woken early by a signal, the loop just sleeps again.
    let _ = clock_nanosleep(
        ClockId::CLOCK_MONOTONIC,
        ClockNanosleepFlags::TIMER_ABSTIME,
        &TimeSpec::new(seconds, nanos),
    );
}

/// Packets per second up to which the prober's threads run in real time: about half a core. Above, they would
/// keep the lab's own daemons from running and so make the outages they are to measure.
const MOST_IN_REAL_TIME: u64 = 60_000;

/// Real-time priorities, above every ordinary thread.
pub(super) const SENDER: i32 = 2;
pub(super) const RECEIVER: i32 = 1;

/// Asks the kernel for precise timers and the right to run at once, for this thread only.
///
/// It is a wish: without the privilege the prober runs as it is, and its lateness is measured anyway.
pub(super) fn ask_for_punctuality(packets_per_second: u64, priority: i32) {
    let _ = nix::sys::prctl::set_timerslack(1);
    if packets_per_second > MOST_IN_REAL_TIME || !run_in_real_time(priority) {
        run_preferred();
    }
}

fn run_in_real_time(priority: i32) -> bool {
    let parameters = nix::libc::sched_param {
        sched_priority: priority,
    };
    #[expect(unsafe_code, reason = "sched_setscheduler of one thread has no safe wrapper")]
    // SAFETY: `parameters` lives until the call returns; 0 means the calling thread.
    let result = unsafe { nix::libc::sched_setscheduler(0, nix::libc::SCHED_RR, &raw const parameters) };
    result == 0
}

fn run_preferred() {
    const NICE: i32 = -15;
    #[expect(unsafe_code, reason = "setpriority of one thread has no safe wrapper")]
    // SAFETY: no pointers; 0 means the calling thread.
    let _ = unsafe { nix::libc::setpriority(nix::libc::PRIO_PROCESS, 0, NICE) };
}
