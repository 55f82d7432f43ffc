//! What stands in an expression's brackets and in a scoping clause: a named value, a key, an alias or a SCIM path.

use std::fmt;

use usher_scim::ResourceType;
use usher_scim::schema::Attribute;

use crate::descend::Path;
use crate::{Context, ExpressionError, Known, Value, alias};

/// An attribute's name, made ready for reading: `mail`, `name.givenName`, `emails[type eq "work"].value`,
/// `person.organization.name`, `cn;lang-de`. `Display` prints it as it was written.
#[derive(Debug, Clone)]
pub struct AttributeName {
    text: String,
    /// As a path, where it has the form of one.
    path: Option<Path>,
    alias: Option<Alias>,
}

/// The path that the alias table gives for the whole name.
#[derive(Debug, Clone)]
struct Alias {
    path: Path,
    /// Whether the name is spelled as in the table.
    exact: bool,
}

/// Where a name's value is to be looked for.
enum Place<'a, 'o> {
    /// A named value, or what a path finds below it.
    Named(&'o Value, Option<&'a Path>),
    /// A key of the object that is spelled as the whole name.
    Member(&'o serde_json::Value),
    Path(&'a Path),
    Nowhere,
}

impl AttributeName {
    /// Reads what stands between the brackets. Any text without brackets is a name; a value filter must be one. The
    /// error's span is within the text.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ExpressionError {
                span: 0..0,
                message: "an attribute name is missing".to_owned(),
                hint: Some("e.g. [mail]".to_owned()),
            });
        }
        let path = Path::parse(text)?;
        let alias = match alias::path_ignoring_case(text) {
            Some(of) => Path::parse(of)?.map(|path| Alias { path, exact: alias::path(text).is_some() }),
            None => None,
        };
        Ok(Self { text: text.to_owned(), path, alias })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its value: text, number or boolean; a list where the attribute is multi-valued; an object for a complex value.
    /// A value filter that one value fulfils gives that value, several a list. Absent, `null` and `[]` are null.
    pub fn read(&self, cx: &Context<'_>) -> Value {
        match self.place(cx) {
            Place::Named(value, None) => value.clone(),
            Place::Named(value, Some(path)) => path.read_below(value),
            Place::Member(value) => Value::from_json(value),
            Place::Path(path) => path.read(cx.object),
            Place::Nowhere => Value::Null,
        }
    }

    /// Its value without a copy, where it is one text of the object; `None`: ask [`AttributeName::read`].
    pub(crate) fn text_in<'o>(&self, cx: &Context<'o>) -> Option<&'o str> {
        match self.place(cx) {
            Place::Member(value) => value.as_str(),
            Place::Path(path) => path.find(cx.object).as_text(),
            Place::Named(..) | Place::Nowhere => None,
        }
    }

    /// Where to look: what is named goes before the object's own keys, a key that is spelled so before the alias's
    /// path, and that before the name's own.
    fn place<'a, 'o: 'a>(&'a self, cx: &Context<'o>) -> Place<'a, 'o> {
        let same = |a: &str, b: &str| a == b || cx.ignore_case && a.eq_ignore_ascii_case(b);
        if let Some((_, value)) = cx.named.iter().find(|(name, _)| same(name, &self.text)) {
            return Place::Named(value, None);
        }
        if let Some(path) = &self.path
            && let Some(head) = path.head()
            && let Some((_, value)) = cx.named.iter().find(|(name, _)| same(name, head))
        {
            return Place::Named(value, Some(path));
        }
        let object: &'o usher_scim::Object = cx.object;
        let alias =
            self.alias.as_ref().filter(|alias| alias.exact || cx.ignore_case).map(|alias| &alias.path);
        let path = alias.or(self.path.as_ref());
        let key = match object.get(&self.text) {
            None if cx.ignore_case => crate::descend::member(object, &self.text),
            exact => exact,
        };
        match (key, path) {
            (Some(value), _) => Place::Member(value),
            (None, Some(path)) => Place::Path(path),
            (None, None) => Place::Nowhere,
        }
    }

    /// Whether it is known; the error names the nearest. Its span is within the name.
    pub fn check(&self, known: &Known<'_>) -> Result<(), ExpressionError> {
        let same = |a: &str, b: &str| a == b || known.ignore_case && a.eq_ignore_ascii_case(b);
        let head = self.path.as_ref().and_then(Path::head).unwrap_or(&self.text);
        let given = |name: &&&str| same(name, &self.text) || same(name, head);
        if known.open || known.named.iter().chain(known.keys).any(|name| given(&name)) {
            return Ok(());
        }
        let alias =
            self.alias.as_ref().filter(|alias| alias.exact || known.ignore_case).map(|alias| &alias.path);
        let path = alias.or(self.path.as_ref());
        if path.is_some_and(|path| known.types.iter().any(|of| has(of, path))) {
            return Ok(());
        }
        if let Some((attribute, name)) =
            path.and_then(|p| known.types.iter().find_map(|of| wrong_filter(of, p)))
        {
            let subs: Vec<&str> = attribute.sub_attributes.iter().map(|sub| sub.name.as_str()).collect();
            let at = self.text.find(&name).unwrap_or_default();
            return Err(ExpressionError {
                span: at..at + name.len(),
                message: format!("{} has no {name}", attribute.name),
                hint: nearest(&name, &subs).map(|sub| format!("did you mean {sub}?")),
            });
        }
        Err(ExpressionError {
            span: 0..self.text.len(),
            message: format!("[{}] is not known", self.text),
            hint: nearest(&self.text, &candidates(known)).map(|name| format!("did you mean [{name}]?")),
        })
    }

    /// Whether it names that attribute, ignoring case: as written, or as the alias's path.
    pub(crate) fn is(&self, attribute: &str) -> bool {
        self.text.eq_ignore_ascii_case(attribute)
            || self
                .path
                .as_ref()
                .and_then(Path::head)
                .is_some_and(|head| head.eq_ignore_ascii_case(attribute))
            || alias::path_ignoring_case(&self.text).is_some_and(|path| path.eq_ignore_ascii_case(attribute))
    }
}

/// Whether a type has a path, filters' own names included.
fn has(of: &ResourceType, path: &Path) -> bool {
    path.scim().is_some_and(|path| of.resolve(&path).is_some()) && wrong_filter(of, path).is_none()
}

/// The name in a value filter that its attribute, which the type has, does not have.
fn wrong_filter<'t>(of: &'t ResourceType, path: &Path) -> Option<(&'t Attribute, String)> {
    let attribute = of.resolve(&path.scim()?)?.attribute?;
    let had = |name: &str| attribute.sub_attributes.iter().any(|sub| sub.name.eq_ignore_ascii_case(name));
    if attribute.sub_attributes.is_empty() {
        return None;
    }
    let mut filters =
        path.steps.iter().filter_map(|step| step.filter.as_ref()).flat_map(usher_scim::Filter::paths);
    filters.find(|path| !had(&path.name)).map(|path| (attribute, path.name.clone()))
}

/// Every name that could have been meant.
fn candidates(known: &Known<'_>) -> Vec<String> {
    let mut names: Vec<String> = known.named.iter().chain(known.keys).map(|&name| name.to_owned()).collect();
    for of in known.types {
        for schema in std::iter::once(&of.schema).chain(of.extensions.iter().map(|(schema, _)| schema)) {
            for attribute in &schema.attributes {
                names.push(attribute.name.clone());
                names.extend(
                    attribute.sub_attributes.iter().map(|sub| format!("{}.{}", attribute.name, sub.name)),
                );
            }
        }
        let had =
            |alias: &&alias::Alias| Path::parse(alias.path).ok().flatten().is_some_and(|path| has(of, &path));
        names.extend(alias::ALIASES.iter().filter(had).map(|alias| alias.name.to_owned()));
    }
    names
}

/// The nearest of some names, if one is near.
pub(crate) fn nearest<'n>(name: &str, among: &'n [impl AsRef<str>]) -> Option<&'n str> {
    let name = name.to_lowercase();
    among
        .iter()
        .map(|candidate| {
            (strsim::jaro_winkler(&name, &candidate.as_ref().to_lowercase()), candidate.as_ref())
        })
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// The nearest, and at most two that are about as near: `a or b`.
pub(crate) fn nearest_few(name: &str, among: &[impl AsRef<str>]) -> Option<String> {
    const AS_NEAR: f64 = 0.05;
    let lower = name.to_lowercase();
    let likeness = |candidate: &str| strsim::jaro_winkler(&lower, &candidate.to_lowercase());
    let first = nearest(name, among)?;
    let best = likeness(first);
    let others = among.iter().map(AsRef::as_ref).filter(|candidate| *candidate != first);
    let near = others.filter(|candidate| best < 1.0 && likeness(candidate) > (best - AS_NEAR).max(0.8));
    Some(std::iter::once(first).chain(near.take(2)).collect::<Vec<_>>().join(" or "))
}

impl fmt::Display for AttributeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for AttributeName {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}
