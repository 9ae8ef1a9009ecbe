//! Properties of a node and the tables below them; most are containerlab's long tail, accepted and left alone.

use super::Shape::{Count, Free, Labels, Number, Object, Objects, OneOf, Pairs, Switch, Text, Texts};
use super::{Key, Merge, On, key};

/// Properties of a node, also under kinds, groups and defaults.
pub(in crate::topology) static NODE: &[Key] = &[
    key("kind", Text, "What the node is, e.g. `linux`."),
    key(
        "group",
        Text,
        "Group whose properties the node inherits; also used when drawing.",
    ),
    key("type", Text, "Variant of the kind."),
    key("image", Text, "Container image."),
    key(
        "image-pull-policy",
        OneOf(&["IfNotPresent", "Always", "Never"]),
        "When to pull the image.",
    ),
    key(
        "restart-policy",
        OneOf(&["no", "on-failure", "always", "unless-stopped"]),
        "Container restart policy.",
    ),
    key(
        "link-apply-mode",
        OneOf(&["live", "restart", "recreate"]),
        "How changed links are applied.",
    ),
    key(
        "startup-config",
        Text,
        "Configuration at first boot: a path relative to this file, or the text itself.",
    ),
    key("startup-delay", Count, "Seconds to wait before the node starts."),
    key(
        "enforce-startup-config",
        Switch,
        "Whether a saved configuration is overwritten.",
    ),
    key(
        "suppress-startup-config",
        Switch,
        "Whether the default configuration is left out.",
    ),
    key(
        "auto-remove",
        Switch,
        "Whether the container is removed when it stops.",
    ),
    key(
        "privileged",
        Switch,
        "Whether the container is privileged (default true).",
    ),
    key("license", Text, "Licence file."),
    key("exec", Texts, "Commands run in the node once it is up.").by(Merge::Join),
    key(
        "binds",
        Texts,
        "Files and folders bound into the node, `source:target[:mode]`; sources relative to this file.",
    )
    .by(Merge::ByTarget),
    key("volumes", Texts, "Container volumes, `[name:]/target[:mode]`.").by(Merge::ByTarget),
    key("ports", Texts, "Published ports."),
    key("env", Pairs, "Environment variables of the node."),
    key("env-files", Texts, "Files with environment variables.").by(Merge::Join),
    key("credentials", Object(CREDENTIALS), "How to log in to the node.").by(Merge::Credentials),
    key("username", Text, "Deprecated: see `credentials`."),
    key("password", Text, "Deprecated: see `credentials`."),
    key("user", Text, "User that the container's process runs as."),
    key("hostname", Text, "Hostname of the node."),
    key("entrypoint", Text, "Entry point of the container."),
    key("cmd", Text, "Command of the container."),
    key(
        "labels",
        Labels(On::Node),
        "Labels of the node. Those that begin with `faultlab.` are read by faultlab.",
    ),
    key("tmpfs", Pairs, "tmpfs mounts, path to options."),
    key("sysctls", Pairs, "Sysctls of the node's network namespace."),
    key("devices", Texts, "Devices of the host visible in the container.").by(Merge::Join),
    key("cap-add", Texts, "Capabilities added to the container.").by(Merge::Join),
    key("security-opts", Texts, "Security options of the container.").by(Merge::Join),
    key(
        "cgroupns-mode",
        OneOf(&["host", "private"]),
        "Cgroup namespace of the container.",
    ),
    key("cgroup-parent", Text, "Parent cgroup of the container."),
    key("pid-mode", Text, "Process namespace: `host` or `container:NAME`."),
    key("shm-size", Text, "Size of /dev/shm."),
    key(
        "mgmt-ipv4",
        Text,
        "Fixed IPv4 address in the management network (nodes only).",
    )
    .by(Merge::Own),
    key(
        "mgmt-ipv6",
        Text,
        "Fixed IPv6 address in the management network (nodes only).",
    )
    .by(Merge::Own),
    key(
        "aliases",
        Texts,
        "Further names of the node in the management network.",
    )
    .by(Merge::Own),
    key(
        "network-mode",
        Text,
        "`none` for no management interface, `host`, or `container:NAME`.",
    ),
    key("runtime", Text, "Container runtime."),
    key("cpu", Number, "CPUs the container may use."),
    key("cpu-set", Text, "CPUs the container is bound to."),
    key("memory", Text, "Memory limit, e.g. `1Gb`."),
    key("extras", Free, "Settings of particular kinds."),
    key("config", Object(CONFIG), "Variables for configuration templates.").by(Merge::Deep),
    key(
        "stages",
        Object(STAGES),
        "What the node waits for in each stage of its start.",
    )
    .by(Merge::Stages),
    key("dns", Object(DNS), "Name servers of the node."),
    key(
        "certificate",
        Object(CERTIFICATE),
        "Certificate made for the node.",
    )
    .by(Merge::Fields),
    key(
        "healthcheck",
        Object(HEALTHCHECK),
        "Health check of the container; times in seconds.",
    ),
    key(
        "components",
        Objects(COMPONENT),
        "Cards of a node made of several containers.",
    ),
    key("position", Text, "Place in a drawing."),
];

static CREDENTIALS: &[Key] = &[
    key("username", Text, "User name."),
    key("password", Text, "Password."),
    key("identity-file", Text, "Private key file."),
];

static CONFIG: &[Key] = &[key("vars", Free, "The variables.")];

static STAGES: &[Key] = &[
    key("create", Object(STAGE), "The container is created."),
    key("create-links", Object(STAGE), "Its links are made."),
    key("configure", Object(STAGE), "It is configured."),
    key("healthy", Object(STAGE), "Its health check passes."),
    key("exit", Object(STAGE), "It exits."),
];

static STAGE: &[Key] = &[
    key(
        "wait-for",
        Objects(WAIT),
        "Stages of other nodes that must be finished first.",
    ),
    key("exec", Objects(STAGE_EXEC), "Commands run in this stage."),
];

static WAIT: &[Key] = &[
    key("node", Text, "The other node."),
    key(
        "stage",
        OneOf(&["create", "create-links", "configure", "healthy", "exit"]),
        "Its stage.",
    ),
];

static STAGE_EXEC: &[Key] = &[
    key("command", Text, "The command."),
    key("target", OneOf(&["container", "host"]), "Where it runs."),
    key("phase", OneOf(&["on-enter", "on-exit"]), "When it runs."),
];

static DNS: &[Key] = &[
    key("servers", Texts, "Name servers."),
    key("search", Texts, "Search domains."),
    key("options", Texts, "Resolver options."),
];

static CERTIFICATE: &[Key] = &[
    key("issue", Switch, "Whether to make one."),
    key("key-size", Count, "Key size in bits."),
    key("validity-duration", Text, "Validity."),
    key("sans", Texts, "Subject alternative names."),
];

static HEALTHCHECK: &[Key] = &[
    key("test", Texts, "The command, e.g. `CMD-SHELL` and a script."),
    key("interval", Count, "Seconds between checks."),
    key("timeout", Count, "Seconds a check may take."),
    key("retries", Count, "Failures until unhealthy."),
    key("start-period", Count, "Seconds before failures count."),
];

static COMPONENT: &[Key] = &[
    key("slot", Text, "Slot number, `A` or `B`."),
    key("type", Text, "Card type."),
    key("env", Pairs, "Environment of the card."),
    key("sfm", Text, "Switch fabric module."),
    key("xiom", Objects(XIOM), "XIOMs of the card."),
    key("mda", Objects(MDA), "MDAs of the card."),
];

static XIOM: &[Key] = &[
    key("slot", Text, "Slot number."),
    key("type", Text, "XIOM type."),
    key("mda", Objects(MDA), "MDAs of the XIOM."),
];

static MDA: &[Key] = &[key("slot", Text, "Slot number."), key("type", Text, "MDA type.")];
