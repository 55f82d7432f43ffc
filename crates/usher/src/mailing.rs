//! The sender of notification e-mails, as the settings say.

use anyhow::{Context, bail};
use usher_jobs::{
    clock::Clock,
    mail::{Mailer, SmtpSettings},
};
use usher_store::Store;

use crate::settings::Settings;

/// `None`: no server is set.
pub(crate) fn mailer(store: &Store, clock: &Clock, settings: &Settings) -> anyhow::Result<Option<Mailer>> {
    if settings.smtp_host.is_empty() {
        return Ok(None);
    }
    if settings.smtp_from.is_empty() {
        bail!("smtp_host is set and smtp_from is not: say which address the mails come from");
    }
    let authority = match settings.smtp_ca.as_str() {
        "" => None,
        file => Some(std::fs::read(file).with_context(|| format!("smtp_ca {file} can't be read"))?),
    };
    let smtp = SmtpSettings {
        host: settings.smtp_host.clone(),
        port: settings.smtp_port,
        security: settings.smtp_security.parse()?,
        user: user(settings)?,
        from: settings.smtp_from.clone(),
        authority,
    };
    Ok(Some(Mailer::new(store.clone(), clock.clone(), &smtp)?))
}

fn user(settings: &Settings) -> anyhow::Result<Option<(String, String)>> {
    if settings.smtp_user.is_empty() {
        return Ok(None);
    }
    let password = match std::env::var("USHER_SMTP_PASSWORD") {
        Ok(password) => password,
        Err(_) if settings.smtp_password_file.is_empty() => {
            bail!("smtp_user is set: give its password with smtp_password_file or USHER_SMTP_PASSWORD")
        }
        Err(_) => {
            let file = &settings.smtp_password_file;
            std::fs::read_to_string(file)
                .with_context(|| format!("smtp_password_file {file} can't be read"))?
        }
    };
    Ok(Some((settings.smtp_user.clone(), password.trim_end_matches(['\r', '\n']).to_owned())))
}
