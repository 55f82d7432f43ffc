//! The engine through its door: a directory on one side, Usher's own SCIM service called in process on the other, faults in
//! between. On both databases. What the app received is counted at the transport.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here fails a test")]

mod affected;
mod apps;
mod crash;
mod cycles;
mod demand;
mod faults;
mod given;
mod groups;
mod history;
mod instances;
mod leavers;
mod life;
mod mappings;
mod matrix;
mod oracle;
mod plan;
mod protected;
mod pushed;
mod quarantine;
mod rig;
mod serve;
mod server;
mod simulation;
mod time;
mod unique;
mod wire;
