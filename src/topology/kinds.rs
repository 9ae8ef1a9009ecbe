//! Kinds of nodes that containerlab knows, with their aliases.

use crate::base::suggest::did_you_mean;

/// Canonical name first, aliases after it.
const KINDS: &[&[&str]] = &[
    &["6wind_vsr"],
    &["arista_ceos", "ceos"],
    &["arista_veos", "vr-veos", "vr-arista_veos"],
    &["arrcus_arcos"],
    &["aruba_aoscx", "vr-aoscx", "vr-aruba_aoscx"],
    &["bridge"],
    &["checkpoint_cloudguard"],
    &["ciena_saos", "vr-ciena_saos"],
    &["cisco_asav"],
    &["cisco_c8000", "c8000"],
    &["cisco_c8000v"],
    &["cisco_cat9kv"],
    &["cisco_csr1000v", "vr-csr", "vr-cisco_csr1000v"],
    &["cisco_ftdv"],
    &["cisco_iol"],
    &["cisco_n9kv", "vr-n9kv", "vr-cisco_n9kv"],
    &["cisco_sdwan"],
    &["cisco_vios"],
    &["cisco_xrd", "xrd"],
    &["cisco_xrd_vrouter"],
    &["cisco_xrv", "vr-xrv", "vr-cisco_xrv"],
    &["cisco_xrv9k", "vr-xrv9k", "vr-cisco_xrv9k"],
    &["cvx", "cumulus_cvx"],
    &["dell_ftosv", "vr-ftosv", "vr-dell_ftosv"],
    &["dell_sonic"],
    &["ext-container"],
    &["f5_bigip-ve"],
    &["fdio_vpp"],
    &["fortinet_fortigate"],
    &["freebsd"],
    &["generic_vm"],
    &["host"],
    &["huawei_vrp"],
    &["ipinfusion_ocnos"],
    &["juniper_cjunosevolved", "cjunosevolved"],
    &["juniper_crpd", "crpd"],
    &["juniper_csrx"],
    &["juniper_vjunosevolved"],
    &["juniper_vjunosrouter"],
    &["juniper_vjunosswitch"],
    &["juniper_vmx", "vr-vmx", "vr-juniper_vmx"],
    &["juniper_vqfx", "vr-vqfx", "vr-juniper_vqfx"],
    &["juniper_vsrx", "vr-vsrx", "vr-juniper_vsrx"],
    &["k8s-kind"],
    &["keysight_ixia-c-one"],
    &["linux"],
    &["mikrotik_ros", "vr-ros", "vr-mikrotik_ros"],
    &["nokia_srlinux", "srl"],
    &["nokia_sros", "vr-sros", "vr-nokia_sros"],
    &["nokia_srsim"],
    &["nvidia_cumulusvx"],
    &["openbsd"],
    &["openwrt"],
    &["ovs-bridge"],
    &["paloalto_panos", "vr-pan", "vr-paloalto_panos"],
    &["plvision_sonic"],
    &["rare"],
    &["sonic-vm"],
    &["sonic-vs"],
    &["spirent_stc"],
    &["veesix_osvbng"],
    &["vyosnetworks_vyos"],
];

/// Kinds that run a virtual machine in their container, whose ports are `ethN` to the outside.
const VIRTUAL: &[&str] = &[
    "arista_veos",
    "aruba_aoscx",
    "checkpoint_cloudguard",
    "ciena_saos",
    "cisco_asav",
    "cisco_c8000v",
    "cisco_cat9kv",
    "cisco_csr1000v",
    "cisco_ftdv",
    "cisco_n9kv",
    "cisco_sdwan",
    "cisco_vios",
    "cisco_xrd_vrouter",
    "cisco_xrv",
    "cisco_xrv9k",
    "dell_ftosv",
    "dell_sonic",
    "f5_bigip-ve",
    "fortinet_fortigate",
    "freebsd",
    "generic_vm",
    "huawei_vrp",
    "ipinfusion_ocnos",
    "juniper_vjunosevolved",
    "juniper_vjunosrouter",
    "juniper_vjunosswitch",
    "juniper_vmx",
    "juniper_vqfx",
    "juniper_vsrx",
    "mikrotik_ros",
    "nokia_sros",
    "nvidia_cumulusvx",
    "openbsd",
    "openwrt",
    "paloalto_panos",
    "plvision_sonic",
    "sonic-vm",
];

/// Returns whether a kind, by its canonical name, is a virtual machine.
pub(super) fn is_vm(kind: &str) -> bool {
    VIRTUAL.contains(&kind)
}

/// Kinds that are part of the host, not nodes of their own: they get no management address.
pub(super) const INFRASTRUCTURE: [&str; 3] = ["bridge", "ovs-bridge", "host"];

/// Returns the canonical name of a kind or alias, in any case.
#[must_use]
pub fn canonical(kind: &str) -> Option<&'static str> {
    let kind = kind.to_lowercase();
    KINDS
        .iter()
        .find(|names| names.contains(&kind.as_str()))
        .map(|names| names[0])
}

/// Returns all names and aliases.
pub fn all() -> impl Iterator<Item = &'static str> {
    KINDS.iter().flat_map(|names| names.iter().copied())
}

/// Returns what to tell somebody who wrote a kind that does not exist.
pub(super) fn hint(kind: &str) -> String {
    if kind.to_lowercase() == "frr" {
        return "containerlab has no kind `frr`: use kind `linux` with an FRR image, and label `faultlab.nos: frr`".to_owned();
    }
    if let Some(guess) = did_you_mean(kind, all()) {
        return format!("did you mean `{guess}`?");
    }
    let names: Vec<_> = KINDS.iter().map(|names| names[0]).collect();
    format!("known kinds: {}", names.join(", "))
}
