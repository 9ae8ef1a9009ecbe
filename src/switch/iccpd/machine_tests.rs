//! Every transition of the peering, one sentence each.

use super::*;

const HOLD: u64 = 5000;
const SILENCE: u64 = 900;

/// A peering with a clock in milliseconds.
struct Lab {
    machine: Machine,
    at: u64,
    up: bool,
    backup: Backup,
    log: Vec<String>,
}

fn ms(at: u64) -> MonoTime {
    MonoTime(at * 1_000_000)
}

impl Lab {
    fn new() -> Self {
        let timers = Timers {
            hold: Duration::from_millis(HOLD),
            silence: Duration::from_millis(SILENCE),
        };
        Self {
            machine: Machine::new(timers, ms(1000), SystemId::Shared),
            at: 1000,
            up: false,
            backup: Backup::Heard(None),
            log: Vec::new(),
        }
    }

    fn up() -> Self {
        let mut lab = Self::new();
        lab.backup = Backup::Heard(Some(ms(1000)));
        lab.up = true;
        lab.run(10);
        lab
    }

    fn run(&mut self, time: u64) -> &mut Self {
        self.at += time;
        let inputs = Inputs {
            now: ms(self.at),
            bfd_up: self.up,
            session_up: self.up,
            backup: self.backup,
        };
        self.log.extend(self.machine.step(&inputs));
        self
    }

    fn hear(&mut self) -> &mut Self {
        self.backup = Backup::Heard(Some(ms(self.at)));
        self
    }

    fn lose(&mut self) -> &mut Self {
        self.up = false;
        self.run(10)
    }

    fn expect(&self, phase: Phase, system_id: SystemId) {
        assert_eq!(
            (self.machine.phase(), self.machine.system_id()),
            (phase, system_id),
            "log: {:?}",
            self.log
        );
    }
}

#[test]
fn a_peering_that_comes_up_uses_the_shared_id() {
    Lab::up().expect(Phase::Up, SystemId::Shared);
}

#[test]
fn one_of_bfd_and_session_is_not_enough() {
    for (bfd_up, session_up) in [(true, false), (false, true)] {
        let mut lab = Lab::new();
        let inputs = Inputs {
            now: ms(1010),
            bfd_up,
            session_up,
            backup: Backup::NotConfigured,
        };
        assert_eq!(lab.machine.step(&inputs), Vec::<String>::new());
        lab.expect(Phase::Starting, SystemId::Shared);
    }
}

#[test]
fn a_lost_peering_changes_nothing_before_the_peer_was_checked() {
    let mut lab = Lab::up();
    lab.lose().run(SILENCE - 20);
    lab.expect(Phase::Checking, SystemId::Shared);
}

#[test]
fn iccp_lost_and_peer_alive_is_a_split_brain_with_own_ids() {
    let mut lab = Lab::up();
    lab.lose().run(100).hear().run(10);
    lab.expect(Phase::SplitBrain, SystemId::Own);
}

#[test]
fn a_sign_of_life_from_before_the_loss_does_not_count() {
    let mut lab = Lab::up();
    lab.run(500).hear().lose().run(10);
    lab.expect(Phase::Checking, SystemId::Shared);
}

#[test]
fn iccp_lost_and_peer_dead_leaves_the_survivor_with_the_shared_id() {
    let mut lab = Lab::up();
    lab.lose().run(SILENCE);
    lab.expect(Phase::Alone, SystemId::Shared);
}

#[test]
fn backup_lost_first_and_iccp_after_it_counts_as_a_dead_peer() {
    let mut lab = Lab::up();
    lab.run(10 * SILENCE);
    lab.expect(Phase::Up, SystemId::Shared);
    lab.lose().run(SILENCE);
    lab.expect(Phase::Alone, SystemId::Shared);
}

#[test]
fn iccp_lost_first_and_backup_after_it_keeps_the_own_ids() {
    let mut lab = Lab::up();
    lab.lose().run(100).hear().run(10);
    lab.run(SILENCE + 10);
    lab.expect(Phase::Alone, SystemId::Own);
}

#[test]
fn without_backup_liveness_only_standby_aggregates_revert_and_at_once() {
    let mut lab = Lab::up();
    lab.backup = Backup::NotConfigured;
    lab.lose();
    lab.expect(Phase::SplitBrain, SystemId::OwnOnStandby);
    lab.run(10 * SILENCE);
    lab.expect(Phase::SplitBrain, SystemId::OwnOnStandby);
}

#[test]
fn a_peer_that_returns_gets_the_hold_time_to_come_back() {
    let mut lab = Lab::up();
    lab.lose().run(SILENCE).run(5000).hear().run(10);
    lab.expect(Phase::Returning, SystemId::Shared);
    lab.up = true;
    lab.run(HOLD - 100);
    lab.expect(Phase::Up, SystemId::Shared);
}

#[test]
fn a_peer_that_returns_and_does_not_come_back_in_time_is_a_split_brain() {
    let mut lab = Lab::up();
    lab.lose().run(SILENCE).hear().run(10);
    for _ in 0..21 {
        lab.hear().run(HOLD / 20);
    }
    lab.expect(Phase::SplitBrain, SystemId::Own);
}

#[test]
fn a_peer_that_dies_again_while_returning_leaves_the_survivor_as_it_was() {
    let mut lab = Lab::up();
    lab.lose().run(SILENCE).hear().run(10).run(SILENCE);
    lab.expect(Phase::Alone, SystemId::Shared);
}

#[test]
fn a_split_brain_ends_when_the_peering_comes_back() {
    let mut lab = Lab::up();
    lab.lose().run(100).hear().run(10);
    lab.up = true;
    lab.run(10);
    lab.expect(Phase::Up, SystemId::Shared);
}

#[test]
fn a_switch_that_boots_without_a_peer_uses_the_shared_id() {
    let mut lab = Lab::new();
    lab.run(HOLD - 1);
    lab.expect(Phase::Starting, SystemId::Shared);
    lab.run(10).run(SILENCE);
    lab.expect(Phase::Alone, SystemId::Shared);
}

#[test]
fn a_switch_that_boots_beside_a_peer_it_cannot_talk_to_uses_its_own_id_after_the_hold_time() {
    let mut lab = Lab::new();
    lab.run(HOLD).run(100).hear().run(10);
    lab.expect(Phase::SplitBrain, SystemId::Own);
}

#[test]
fn an_iccpd_that_was_restarted_goes_on_with_what_it_had_decided() {
    let mut lab = Lab::new();
    lab.machine.system_id = SystemId::Own;
    lab.run(HOLD).run(SILENCE);
    lab.expect(Phase::Alone, SystemId::Own);
}

#[test]
fn the_log_tells_the_incident() {
    let mut lab = Lab::up();
    lab.lose().run(100).hear().run(10);
    lab.up = true;
    lab.run(10);
    insta::assert_snapshot!(lab.log.join("\n"));
}
