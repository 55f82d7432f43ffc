//! Certificates of nobody, for nothing, as base64 of their DER form: their key is thrown away.

/// Ends in `==`.
pub(super) const PADDED: &str = "MIIBODCB66ADAgECAhRDqVjwDuJtPKC7OmlgzAF+AP9QzjAFBgMrZXAwETEPMA0GA1UEAwwGY2NjY2NjMCAXDTI2MTEyNzAyMTMwOVoY\
    DzIxMjYxMTAzMDIxMzA5WjARMQ8wDQYDVQQDDAZjY2NjY2MwKjAFBgMrZXADIQDydBeo1ri7JZc9PzdoxeE+zrAwQE9Y7QOJ+iICOhsN\
    Z6NTMFEwHQYDVR0OBBYEFA4VEsJMt6L9x8Jz09HtG++syVHEMB8GA1UdIwQYMBaAFA4VEsJMt6L9x8Jz09HtG++syVHEMA8GA1UdEwEB\
    /wQFMAMBAf8wBQYDK2VwA0EA4kuNrh7Quf7qiENcN9Exp9cyoTMVqDfp9Ij+eiGMT7+XILwUDO/iwiMVOO5vDscOBnOQUMkg/+5KgGcw\
    GcbdBA==";

/// Of a length whose base64 has no padding, so that it written twice is two certificates.
pub(super) const WHOLE: &str = "MIIBLjCB4aADAgECAhQXD26nZov8rkPuAFVKzmMqkygpHDAFBgMrZXAwDDEKMAgGA1UEAwwBYzAgFw0yNjExMjcwMjEzMDdaGA8yMTI2\
    MTEwMzAyMTMwN1owDDEKMAgGA1UEAwwBYzAqMAUGAytlcAMhAPJ0F6jWuLsllz0/N2jF4T7OsDBAT1jtA4n6IgI6Gw1no1MwUTAdBgNV\
    HQ4EFgQUDhUSwky3ov3HwnPT0e0b76zJUcQwHwYDVR0jBBgwFoAUDhUSwky3ov3HwnPT0e0b76zJUcQwDwYDVR0TAQH/BAUwAwEB/zAF\
    BgMrZXADQQD/OWtqpGCXF3V7LUQbCTZbtXrlhd3aVbzrpVqOcbhri7vlM7E9sUB+Fx7XXNVr6pnED3CSixSR9S3eVALRYJoC";
