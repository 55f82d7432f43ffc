//! Where everything stands: one status an app.

use usher_api::List;
use usher_engine::app as apps;

use crate::{Admin, AdminError, Answer, app};

pub(crate) fn handle(admin: &Admin) -> Result<Answer, AdminError> {
    let now = admin.clock.now();
    admin.read(move |on| {
        let items = apps::list(on)?.iter().map(|app| app::status(on, app, now)).collect::<Result<_, _>>()?;
        Ok(Answer::Statuses(List::whole(items)))
    })
}
