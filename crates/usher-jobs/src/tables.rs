//! This crate's tables.

use usher_store::Tables;

/// Leases, queues and work rows.
pub const TABLES: Tables = Tables { owner: "jobs", migrations: &[FIRST] };

const FIRST: &str = "
create table lease (
  name {text} not null primary key,
  owner {bytes},              -- null: given back
  fence bigint not null,      -- rises with every holder
  beat bigint not null        -- rises while it is held
);
create table queue (
  id {key},
  name {text} not null
);
create unique index queue_name on queue (name);
create table work (
  queue bigint not null references queue (id),
  object bigint not null,
  lane smallint not null,
  due bigint not null,
  tries int not null,
  reason smallint not null,
  stamp bigint not null,      -- another with each put
  error {text},
  primary key (queue, object)
);
create index work_due on work (queue, lane, due);
";
