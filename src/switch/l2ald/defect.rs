//! The modelled defect of the incident: an IRB with `mcae-mac-synchronize` on a VLAN of an MC-AE makes l2ald abort.
//!
//! How often it has aborted is kept across restarts and power cuts, and forgotten when the trigger is gone.

use crate::switch::config::model::SwitchConfig;
use crate::switch::daemon::{log, replace_file};
use crate::switch::pipeline::Layout;

const ABORTS: &str = "/var/lib/faultlab/l2ald.aborts";

/// The VLAN that makes this configuration deadly, if any.
#[must_use]
pub fn trigger(config: &SwitchConfig) -> Option<&str> {
    config.defects.mcae_mac_sync_abort.as_ref()?;
    let layout = Layout::of(config);
    let deadly = config.vlans.iter().find(|(_, vlan)| {
        let routed = vlan
            .l3_interface
            .is_some_and(|unit| config.irbs.contains_key(&unit));
        vlan.mcae_mac_synchronize && routed && layout.on_mc_ae(vlan.vlan_id)
    });
    deadly.map(|(name, _)| name.as_str())
}

/// Whether l2ald aborts now, having aborted so often before.
#[must_use]
pub fn is_fatal(config: &SwitchConfig, aborts: u32) -> bool {
    let recovers_after = config
        .defects
        .mcae_mac_sync_abort
        .as_ref()
        .and_then(|defect| defect.recovers_after);
    trigger(config).is_some() && recovers_after.is_none_or(|limit| aborts < limit)
}

/// Aborts if this configuration makes it.
pub(super) fn check(config: &SwitchConfig) {
    let Some(vlan) = trigger(config) else {
        // Absent already is as good.
        let _ = std::fs::remove_file(ABORTS);
        return;
    };
    let text = std::fs::read_to_string(ABORTS).unwrap_or_default();
    let aborts: u32 = text.trim().parse().unwrap_or_default();
    if !is_fatal(config, aborts) {
        return;
    }
    if let Err(error) = replace_file(ABORTS, &(aborts + 1).to_string()) {
        log(
            "l2ald",
            &format!("failed to {}", crate::base::ErrorChain::new(&error)),
        );
    }
    log(
        "l2ald",
        &format!("assertion failed: mac synchronization on {vlan}: no MC-AE index for own IRB MAC"),
    );
    // No core file: the abort is a model, its memory explains nothing.
    let _ = nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_CORE, 0, 0);
    std::process::abort();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::config::model::{Aggregate, Irb, MacSyncAbort, McAe, Switching, Vlan};

    fn config(synchronize: bool, on_mc_ae: bool, recovers_after: Option<u32>) -> SwitchConfig {
        let mut config = SwitchConfig::default();
        let vlan = Vlan {
            vlan_id: 97,
            l3_interface: Some(97),
            mcae_mac_synchronize: synchronize,
        };
        config.vlans.insert("vlan-97".into(), vlan);
        config.irbs.insert(97, Irb::default());
        let aggregate = Aggregate {
            mc_ae: on_mc_ae.then(McAe::default),
            switching: Switching {
                trunk: true,
                vlans: vec!["vlan-97".into()],
            },
            ..Aggregate::default()
        };
        config.aggregates.insert("ae10".into(), aggregate);
        config.defects.mcae_mac_sync_abort = Some(MacSyncAbort { recovers_after });
        config
    }

    #[test]
    fn only_a_synchronised_irb_vlan_on_an_mc_ae_is_deadly() {
        assert_eq!(trigger(&config(true, true, None)), Some("vlan-97"));
        assert_eq!(trigger(&config(false, true, None)), None);
        assert_eq!(trigger(&config(true, false, None)), None);
        let mut sound = config(true, true, None);
        sound.defects.mcae_mac_sync_abort = None;
        assert_eq!(trigger(&sound), None);
        let mut unrouted = config(true, true, None);
        unrouted.irbs.clear();
        assert_eq!(trigger(&unrouted), None);
    }

    #[test]
    fn it_recovers_after_as_many_aborts_as_configured_or_never() {
        let config_after = |limit| config(true, true, limit);
        assert!(is_fatal(&config_after(Some(3)), 2));
        assert!(!is_fatal(&config_after(Some(3)), 3));
        assert!(is_fatal(&config_after(None), 1000));
    }
}
