//! The networks that are measured: routers in a line or a ring, as files for faultlab and for a shell script.

use std::fmt::{self, Write as _};
use std::io;
use std::path::Path;

/// How routers are connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One after the other.
    Line,
    /// The last one back to the first.
    Ring,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Line => "line",
            Self::Ring => "ring",
        })
    }
}

/// Routers and their links.
#[derive(Clone, Copy, Debug)]
pub struct Net {
    pub shape: Shape,
    pub routers: u8,
}

/// A router's end of a link: interface, own address.
struct End {
    interface: String,
    address: String,
}

impl Net {
    /// How many routers there are.
    pub fn count(self) -> usize {
        usize::from(self.routers)
    }

    /// The two routers of each link.
    fn links(self) -> impl Iterator<Item = (usize, usize)> {
        let links = match self.shape {
            Shape::Line => self.count() - 1,
            Shape::Ring => self.count(),
        };
        (0..links).map(move |link| (link, (link + 1) % self.count()))
    }

    /// A router's name.
    pub fn name(router: usize) -> String {
        format!("r{}", router + 1)
    }

    /// All names.
    pub fn names(self) -> impl Iterator<Item = String> + Clone {
        (0..self.count()).map(Self::name)
    }

    fn ends(self, router: usize) -> Vec<End> {
        let mut ends = Vec::new();
        for (link, (a, b)) in self.links().enumerate() {
            for (side, at) in [a, b].into_iter().enumerate() {
                if at == router {
                    ends.push(End {
                        interface: format!("eth{}", ends.len() + 1),
                        address: format!("10.1.{link}.{}/30", side + 1),
                    });
                }
            }
        }
        ends
    }

    /// How many routes OSPF must have put into a router's kernel: all loopbacks but its own, all links but its own.
    pub fn routes_of(self, router: usize) -> usize {
        self.count() - 1 + self.links().count() - self.ends(router).len()
    }

    /// Interfaces of both ends of each link, as (router, interface).
    fn cables(self) -> Vec<[(usize, String); 2]> {
        let mut used = vec![0; self.count()];
        let mut next = |router: usize| {
            used[router] += 1;
            (router, format!("eth{}", used[router]))
        };
        self.links().map(|(a, b)| [next(a), next(b)]).collect()
    }

    fn zebra(self, router: usize) -> String {
        let mut text = format!("interface lo\n ip address 10.255.0.{}/32\nexit\n!\n", router + 1);
        for end in self.ends(router) {
            let _ = write!(
                text,
                "interface {}\n ip address {}\nexit\n!\n",
                end.interface, end.address
            );
        }
        text
    }

    fn ospfd(self, router: usize) -> String {
        let mut text = "interface lo\n ip ospf area 0.0.0.0\nexit\n!\n".to_owned();
        for end in self.ends(router) {
            let _ = write!(
                text,
                "interface {}\n ip ospf area 0.0.0.0\n ip ospf network point-to-point\n ip ospf hello-interval 1\n \
                 ip ospf dead-interval 4\nexit\n!\n",
                end.interface
            );
        }
        // No least time between arrivals: two versions of an LSA that a busy machine delivers together count as too close, and
        // the second waits for a retransmission. A ring of 50 then takes 14 s instead of 4.
        let _ = write!(
            text,
            "router ospf\n ospf router-id 10.255.0.{}\n timers throttle spf 20 100 1000\n timers throttle lsa all 50\n \
             timers lsa min-arrival 0\nexit\n!\n",
            router + 1
        );
        text
    }

    /// Writes everything both sides need into a folder.
    pub fn write(self, folder: &Path) -> io::Result<()> {
        let mut topology = "name: bench\ntopology:\n  nodes:\n".to_owned();
        let mut batch = String::new();
        for router in 0..self.count() {
            let name = Self::name(router);
            let own = folder.join("nodes").join(&name);
            std::fs::create_dir_all(&own)?;
            let (zebra, ospfd) = (self.zebra(router), self.ospfd(router));
            std::fs::write(own.join("frr.conf"), format!("{zebra}{ospfd}"))?;
            std::fs::write(own.join("zebra.conf"), zebra)?;
            std::fs::write(own.join("staticd.conf"), "")?;
            std::fs::write(own.join("ospfd.conf"), ospfd)?;
            let mut up = "link set lo up\n".to_owned();
            for end in self.ends(router) {
                let _ = writeln!(up, "link set {} up", end.interface);
            }
            std::fs::write(own.join("up"), up)?;
            let _ = writeln!(batch, "netns add {name}");
            let _ = write!(
                topology,
                "    {name}:\n      kind: linux\n      image: frr\n      labels: {{faultlab.nos: frr, faultlab.role: router}}\n      \
                 binds: [nodes/{name}/frr.conf:/etc/frr/frr.conf]\n"
            );
        }
        topology.push_str("  links:\n");
        for [(a, a_interface), (b, b_interface)] in self.cables() {
            let (a, b) = (Self::name(a), Self::name(b));
            let _ = writeln!(
                topology,
                "    - endpoints: [\"{a}:{a_interface}\", \"{b}:{b_interface}\"]"
            );
            let _ = writeln!(
                batch,
                "link add {a_interface} netns {a} type veth peer name {b_interface} netns {b}"
            );
        }
        let down: String = self.names().map(|name| format!("netns del {name}\n")).collect();
        std::fs::write(folder.join("bench.clab.yaml"), topology)?;
        std::fs::write(folder.join("links"), batch)?;
        std::fs::write(folder.join("down"), down)
    }
}
