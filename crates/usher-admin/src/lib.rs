//! Every use case of the command line and the admin API, once: typed request, typed answer, audit entry.
