//! What can be set, with the defaults of the documentation.

use std::{net::IpAddr, str::FromStr, time::Duration};

/// Limits and addresses of a [`crate::Service`].
#[derive(Debug, Clone)]
pub struct Settings {
    /// Scheme, host and port that clients see (`https://scim.example.com`), for `meta.location` and `$ref`; `None`: taken
    /// from the request's `Host` (or a trusted proxy's `X-Forwarded-*`).
    pub public_url: Option<String>,
    /// Proxies whose `X-Forwarded-For`, `-Proto` and `-Host` are believed.
    pub trusted_proxies: Vec<Network>,
    /// Bytes of a request body: 1 MiB.
    pub body_bytes: usize,
    /// Bytes of a request's URL, path and query together: 32 KiB. A filter of the longest kind fits in.
    pub url_bytes: usize,
    /// Time for one request: 30 s.
    pub request: Duration,
    /// Time for the search of a query: 2 s; over it `400 tooMany`.
    pub query: Duration,
    /// Requests a second of one token: 200; 0 = off.
    pub rate: u32,
    /// How many requests may come at once before `rate` holds: 1,000.
    pub burst: u32,
    /// Requests with a bad token a minute from one address: 20; 0 = off. A good token is never refused for its address.
    pub bad_tokens: u32,
    /// Operations of a PATCH: 1,000.
    pub patch_operations: usize,
    /// Members named in one request: 10,000.
    pub members: usize,
    /// Operations of a bulk request: 1,000.
    pub bulk_operations: usize,
    /// Bytes of a bulk request: 16 MiB.
    pub bulk_bytes: usize,
    /// How long a cursor of a list leads on: 10 minutes.
    pub cursor: Duration,
    /// Places of walks by startIndex that are remembered for five minutes, so that a walk goes on where it was whoever was deleted
    /// meanwhile: 10,000; 0 = none, and each page is by position.
    pub walks: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            public_url: None,
            trusted_proxies: Vec::new(),
            body_bytes: 1024 * 1024,
            url_bytes: 32 * 1024,
            request: Duration::from_secs(30),
            query: Duration::from_secs(2),
            rate: 200,
            burst: 1_000,
            bad_tokens: 20,
            patch_operations: 1_000,
            members: 10_000,
            bulk_operations: 1_000,
            bulk_bytes: 16 * 1024 * 1024,
            cursor: Duration::from_secs(600),
            walks: 10_000,
        }
    }
}

/// An address or a range of them: `10.0.0.0/8`, `192.0.2.1`, `fd00::/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    /// Whether an address lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let prefix = |value: u128, width: u32| if self.bits == 0 { 0 } else { value >> (width - self.bits) };
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(mine), IpAddr::V4(its)) => {
                prefix(u32::from(mine).into(), 32) == prefix(u32::from(its).into(), 32)
            }
            (IpAddr::V6(mine), IpAddr::V6(its)) => prefix(mine.into(), 128) == prefix(its.into(), 128),
            _ => false,
        }
    }
}

/// A text that names no address range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no address or range; write 10.0.0.0/8, 192.0.2.1 or fd00::/8")]
pub struct NotANetwork(String);

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let wrong = || NotANetwork(text.to_owned());
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let address: IpAddr = address.trim().parse().map_err(|_| wrong())?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(width), |b| b.trim().parse().map_err(|_| wrong()))?;
        if bits > width {
            return Err(wrong());
        }
        Ok(Self { address, bits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_what_they_should() {
        let holds = |range: &str, ip: &str| range.parse::<Network>().unwrap().contains(ip.parse().unwrap());
        assert!(holds("10.0.0.0/8", "10.200.3.4") && !holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("192.0.2.1", "192.0.2.1") && !holds("192.0.2.1", "192.0.2.2"));
        assert!(holds("0.0.0.0/0", "8.8.8.8") && holds("10.0.0.0/8", "::ffff:10.1.1.1"));
        assert!(holds("fd00::/8", "fd12::1") && !holds("fd00::/8", "fe80::1"));
        assert!("10.0.0.0/33".parse::<Network>().is_err() && "house".parse::<Network>().is_err());
    }
}
