//! This crate's tables.

use usher_store::Tables;

/// Leases, queues and work rows; the outbox of mails.
pub const TABLES: Tables = Tables { owner: "jobs", migrations: &[FIRST, MAIL] };

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

const MAIL: &str = "
create table mail (
  id {key},
  topic {text} not null,      -- of a topic the newest waits
  recipient {text} not null,
  subject {text} not null,
  body {text} not null,
  created bigint not null,
  due bigint not null,
  tries int not null,
  version bigint not null,    -- rises when a newer one takes its place
  error {text},
  sent bigint                 -- null: it waits
);
create unique index mail_waiting on mail (topic, recipient) where sent is null;
create index mail_due on mail (due) where sent is null;
create index mail_sent on mail (topic, recipient, sent) where sent is not null;
";
