//! `net.CIDRHost`: the address of a host in a prefix.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Returns the address numbered `host` in `prefix`; negative numbers count from the end, -1 being the last.
pub(super) fn cidr_host(host: i64, prefix: &str) -> Result<String, String> {
    let wrong = || format!("expected a prefix like 10.0.0.0/24, found `{prefix}`");
    let (address, length) = prefix.split_once('/').ok_or_else(wrong)?;
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let bits: u32 = if address.is_ipv4() { 32 } else { 128 };
    let plain = length == "0" || !length.starts_with(['0', '+']);
    let length: u32 = length
        .parse()
        .ok()
        .filter(|length| plain && *length <= bits)
        .ok_or_else(wrong)?;
    let last = u128::MAX.checked_shr(128 - (bits - length)).unwrap_or(0);
    let far = u128::from(host.unsigned_abs());
    let number = if host < 0 {
        last.checked_sub(far - 1)
    } else {
        Some(far).filter(|far| *far <= last)
    };
    let number = number.ok_or_else(|| format!("{prefix} has no host numbered {host}"))?;
    Ok(match address {
        IpAddr::V4(address) => {
            let network = u128::from(u32::from(address)) & !last;
            Ipv4Addr::from(u32::try_from(network | number).unwrap_or(u32::MAX)).to_string()
        }
        IpAddr::V6(address) => Ipv6Addr::from((u128::from(address) & !last) | number).to_string(),
    })
}
