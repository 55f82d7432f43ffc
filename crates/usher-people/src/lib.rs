//! Automation rules, people, organizations, sites, rule executions.
