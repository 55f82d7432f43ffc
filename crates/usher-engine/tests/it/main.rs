//! The engine through its door: a directory on one side, Usher's own SCIM service called in process on the other, faults in
//! between. On both databases. What the app received is counted at the transport.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here fails a test")]

mod affected;
mod apps;
mod crash;
mod cycles;
mod decisions;
mod demand;
mod faults;
mod flaws;
mod given;
mod groups;
mod history;
mod instances;
mod leavers;
mod life;
mod mappings;
mod matrix;
mod okta;
mod oracle;
mod overlap;
mod peers;
mod plan;
mod policy;
mod protected;
mod pushed;
mod quarantine;
mod rig;
mod serve;
mod server;
mod simulation;
mod there;
mod time;
mod unique;
mod wire;
