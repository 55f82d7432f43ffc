//! Which addresses may be connected to: judged on the *resolved* address at connect, so that a name can't be pointed
//! elsewhere between check and use (server-side request forgery, DNS rebinding).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which resolved addresses may be connected to; link-local, metadata, unspecified and multicast never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressPolicy {
    /// Loopback and private ranges too.
    pub private: bool,
}

impl AddressPolicy {
    /// Whether this address may be connected to.
    pub fn allows(self, address: IpAddr) -> bool {
        match kind(address) {
            Kind::Never => false,
            Kind::Inside => self.private,
            Kind::Public => true,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Public,
    Inside,
    Never,
}

fn kind(address: IpAddr) -> Kind {
    match address {
        IpAddr::V4(v4) => kind_v4(v4),
        IpAddr::V6(v6) => match embedded(v6) {
            Some(v4) => kind_v4(v4),
            None => kind_v6(v6),
        },
    }
}

fn kind_v4(ip: Ipv4Addr) -> Kind {
    let [a, b, c, _] = ip.octets();
    // 168.63.129.16 is Azure's and 100.100.100.200 Alibaba's metadata service; 169.254.0.0/16 holds everybody else's.
    let metadata = ip == Ipv4Addr::new(168, 63, 129, 16) || ip == Ipv4Addr::new(100, 100, 100, 200);
    if a == 0 || ip.is_link_local() || ip.is_multicast() || ip.is_broadcast() || metadata {
        Kind::Never
    } else if ip.is_loopback()
        || ip.is_private()
        || (a == 100 && (64..128).contains(&b))
        || (a, b, c) == (192, 0, 0)
        || (a == 198 && (18..20).contains(&b))
        || ip.is_documentation()
        || a >= 240
    {
        Kind::Inside
    } else {
        Kind::Public
    }
}

fn kind_v6(ip: Ipv6Addr) -> Kind {
    let first = ip.segments()[0];
    // fd00:ec2::254 is the AWS metadata service over IPv6, fd20:ce::254 Google's.
    let metadata = ip == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)
        || ip == Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254);
    if ip.is_unspecified() || ip.is_multicast() || first & 0xffc0 == 0xfe80 || metadata {
        Kind::Never
    } else if ip.is_loopback() || first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfec0 {
        Kind::Inside
    } else {
        Kind::Public
    }
}

/// The IPv4 address inside a mapped, compatible, NAT64 or 6to4 address: it is what would really be reached.
fn embedded(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = ip.segments();
    let low = || Some(Ipv4Addr::from((u32::from(s[6]) << 16) | u32::from(s[7])));
    match s {
        [0, 0, 0, 0, 0, 0xffff, _, _] | [0x64, 0xff9b, 0, 0, 0, 0, _, _] => low(),
        [0, 0, 0, 0, 0, 0, hi, lo] if hi != 0 || lo > 1 => low(),
        [0x2002, hi, lo, ..] => Some(Ipv4Addr::from((u32::from(hi) << 16) | u32::from(lo))),
        _ => None,
    }
}

/// Whether a URL's host is this machine by its very spelling: the only hosts that plain `http://` is spoken to.
pub(crate) fn is_loopback(host: &url::Host<&str>) -> bool {
    match host {
        url::Host::Domain(name) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
        url::Host::Ipv4(ip) => ip.is_loopback(),
        url::Host::Ipv6(ip) => ip.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_and_link_local_never() {
        for text in [
            "169.254.169.254",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "fe80::1",
            "::",
            "ff02::1",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
        ] {
            let ip: IpAddr = text.parse().unwrap();
            assert!(!AddressPolicy { private: true }.allows(ip), "{text}");
        }
    }

    #[test]
    fn inside_only_when_allowed_and_public_always() {
        for text in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.1",
            "172.16.0.1",
            "100.64.0.1",
            "::1",
            "fd12::1",
            "::ffff:10.0.0.1",
        ] {
            let ip: IpAddr = text.parse().unwrap();
            assert!(AddressPolicy { private: true }.allows(ip), "{text}");
            assert!(!AddressPolicy { private: false }.allows(ip), "{text}");
        }
        for text in ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(AddressPolicy { private: false }.allows(text.parse().unwrap()), "{text}");
        }
    }
}
