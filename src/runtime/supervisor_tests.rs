//! Tests of the supervisor with a fake clock.

use super::*;

const ABORTED: Exit = Exit::Signal {
    number: 6,
    name: "ABRT",
    dumped: true,
};

fn service(name: &str, after: &[&str]) -> Service {
    Service {
        name: name.into(),
        argv: vec![name.to_owned()],
        after: after.iter().map(|name| ServiceName::from(*name)).collect(),
        ready: crate::nos::plan::Ready::Started,
        restart: Restart::Always {
            delay: Duration::from_secs(1),
            burst: 3,
            window: Duration::from_secs(60),
        },
        restart_with: Vec::new(),
        alarm: false,
        description: format!("The {name} daemon."),
    }
}

/// A node without processes: spawning succeeds at once and every action is written down.
struct Stage {
    supervisor: Supervisor,
    now: MonoTime,
    next_pid: i32,
}

impl Stage {
    fn new(services: &[Service]) -> Self {
        let supervisor = Supervisor::new(services, MonoTime(0));
        Self {
            supervisor,
            now: MonoTime(0),
            next_pid: 100,
        }
    }

    /// Feeds an event and returns what is spawned and signalled because of it.
    fn feed(&mut self, event: &Event) -> Vec<String> {
        let mut did = Vec::new();
        for action in self.supervisor.handle(self.now, event) {
            match action {
                Action::Spawn(index) => {
                    self.next_pid += 1;
                    did.push(format!("spawn {}", self.name(index)));
                    let more = self.feed(&Event::Spawned(index, self.next_pid));
                    assert!(more.is_empty(), "{more:?}");
                }
                Action::Signal(index, signal) => did.push(format!("signal {signal} to {}", self.name(index))),
                Action::Log(_) => {}
            }
        }
        did
    }

    fn name(&self, index: usize) -> String {
        self.supervisor.service(index).expect("known").name.to_string()
    }

    /// Lets time pass to the next tick.
    fn tick(&mut self) -> Vec<String> {
        self.now = self.supervisor.next_tick().expect("something is due");
        self.feed(&Event::Tick)
    }

    fn states(&self) -> Vec<ServiceState> {
        self.supervisor
            .status()
            .into_iter()
            .map(|status| status.state)
            .collect()
    }
}

#[test]
fn services_start_once_what_they_come_after_is_ready() {
    let mut stage = Stage::new(&[service("bgpd", &["zebra"]), service("zebra", &[])]);
    assert_eq!(stage.feed(&Event::Begin), ["spawn zebra"]);
    assert_eq!(stage.feed(&Event::Ready(1)), ["spawn bgpd"]);
    assert!(!stage.supervisor.all_were_ready());
    stage.feed(&Event::Ready(0));
    assert!(stage.supervisor.all_were_ready());
}

#[test]
fn a_service_that_dies_is_started_again_after_its_delay_and_not_before() {
    let mut stage = Stage::new(&[service("l2ald", &[])]);
    stage.feed(&Event::Begin);
    stage.feed(&Event::Ready(0));
    assert!(stage.feed(&Event::Exited(0, ABORTED)).is_empty());
    assert_eq!(stage.states(), [ServiceState::Restarting]);
    assert!(stage.feed(&Event::Tick).is_empty());
    assert_eq!(stage.tick(), ["spawn l2ald"]);
    assert_eq!(stage.now, MonoTime(1_000_000_000));
    assert_eq!(stage.supervisor.status().first().expect("one").restarts, 1);
}

#[test]
fn a_service_that_dies_too_often_has_failed_for_good_until_somebody_starts_it() {
    let mut stage = Stage::new(&[service("l2ald", &[])]);
    stage.feed(&Event::Begin);
    for _ in 0..2 {
        stage.feed(&Event::Exited(0, ABORTED));
        assert_eq!(stage.tick(), ["spawn l2ald"]);
    }
    stage.feed(&Event::Exited(0, ABORTED));
    assert!(stage.tick().is_empty());
    assert_eq!(stage.states(), [ServiceState::Failed]);
    assert_eq!(stage.supervisor.next_tick(), None);
    assert_eq!(stage.feed(&Event::Start(0)), ["spawn l2ald"]);
    stage.feed(&Event::Exited(0, ABORTED));
    assert_eq!(
        stage.tick(),
        ["spawn l2ald"],
        "starting by hand forgets the limit"
    );
}

#[test]
fn deaths_further_apart_than_the_window_never_reach_the_limit() {
    let mut stage = Stage::new(&[service("l2ald", &[])]);
    stage.feed(&Event::Begin);
    for _ in 0..10 {
        stage.now = stage.now + Duration::from_secs(31);
        stage.feed(&Event::Exited(0, ABORTED));
        assert_eq!(stage.tick(), ["spawn l2ald"]);
    }
}

#[test]
fn the_log_says_what_operators_search_for() {
    let mut supervisor = Supervisor::new(&[service("l2ald", &[])], MonoTime(0));
    let mut log = Vec::new();
    let mut now = MonoTime(0);
    let mut say = |supervisor: &mut Supervisor, now: MonoTime, event: Event| {
        for action in supervisor.handle(now, &event) {
            if let Action::Log(line) = action {
                log.push(line);
            }
        }
    };
    say(&mut supervisor, now, Event::Begin);
    for _ in 0..3 {
        say(&mut supervisor, now, Event::Exited(0, ABORTED));
        now = now + Duration::from_secs(1);
        say(&mut supervisor, now, Event::Tick);
    }
    insta::assert_snapshot!(log.join("\n"));
}

#[test]
fn a_stopped_service_stays_down_and_is_killed_when_it_does_not_listen() {
    let mut stage = Stage::new(&[service("bgpd", &[])]);
    stage.feed(&Event::Begin);
    stage.feed(&Event::Spawned(0, 7));
    assert_eq!(stage.feed(&Event::Stop(0)), ["signal 15 to bgpd"]);
    assert_eq!(stage.tick(), ["signal 9 to bgpd"]);
    assert!(stage.feed(&Event::Exited(0, Exit::Code(0))).is_empty());
    assert_eq!(stage.states(), [ServiceState::Stopped]);
    assert_eq!(stage.supervisor.next_tick(), None);
}

#[test]
fn stopping_a_service_that_waits_to_be_restarted_ends_the_waiting() {
    let mut stage = Stage::new(&[service("bgpd", &[])]);
    stage.feed(&Event::Begin);
    stage.feed(&Event::Exited(0, ABORTED));
    assert!(stage.feed(&Event::Stop(0)).is_empty());
    assert_eq!(stage.states(), [ServiceState::Stopped]);
    assert_eq!(stage.supervisor.next_tick(), None);
}

#[test]
fn a_restart_takes_the_group_along_without_counting_against_its_limit() {
    let mut zebra = service("zebra", &[]);
    zebra.restart_with = vec!["bgpd".into()];
    let mut stage = Stage::new(&[zebra, service("bgpd", &["zebra"])]);
    stage.feed(&Event::Begin);
    stage.feed(&Event::Ready(0));
    stage.feed(&Event::Ready(1));
    stage.feed(&Event::Exited(
        0,
        Exit::Signal {
            number: 9,
            name: "KILL",
            dumped: false,
        },
    ));
    assert_eq!(stage.tick(), ["spawn zebra", "signal 15 to bgpd"]);
    assert!(
        stage.feed(&Event::Exited(1, Exit::Code(0))).is_empty(),
        "zebra is not ready yet"
    );
    assert_eq!(stage.feed(&Event::Ready(0)), ["spawn bgpd"]);
    stage.feed(&Event::Ready(1));
    // Its own limit of three starts has two left.
    for _ in 0..2 {
        stage.feed(&Event::Exited(1, ABORTED));
        assert_eq!(stage.tick(), ["spawn bgpd"]);
    }
}

#[test]
fn a_service_that_cannot_be_executed_never_came_up() {
    let mut broken = service("broken", &[]);
    broken.restart = Restart::Never;
    let mut stage = Stage::new(&[broken]);
    stage.feed(&Event::Begin);
    stage.feed(&Event::Exited(0, Exit::NotExecuted));
    let name = stage
        .supervisor
        .never_came_up()
        .map(|service| service.name.to_string());
    assert_eq!(name.as_deref(), Some("broken"));
    assert_eq!(
        stage
            .supervisor
            .status()
            .first()
            .expect("one")
            .last_exit
            .as_deref(),
        Some("status=203/EXEC")
    );
}
