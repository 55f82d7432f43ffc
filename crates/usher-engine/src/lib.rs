//! Applications, gallery, assignments, work, cycles, plan, provisioning log.
