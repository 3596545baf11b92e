//! The reference page tells every table and quantity that the loader takes.

use greenwich_facts::SCHEMA;

const PAGE: &str = include_str!("../../../docs/reference/facts.md");

/// The part of the page about one table.
fn section(table: &str) -> &'static str {
    let heading = format!("### `{table}`");
    let start = PAGE.find(&heading).unwrap_or_else(|| panic!("docs/reference/facts.md lacks `{heading}`"));
    let rest = &PAGE[start + heading.len()..];
    &rest[..rest.find("\n##").unwrap_or(rest.len())]
}

#[test]
fn every_table_quantity_unit_and_scope_is_on_the_page() {
    for spec in SCHEMA {
        let section = section(spec.name);
        for quantity in spec.quantities {
            let line = section.lines().find(|line| line.contains(&format!("`{}`", quantity.name)));
            let line = line.unwrap_or_else(|| panic!("`{}` of `{}` is not on the page", quantity.name, spec.name));
            assert!(line.contains(quantity.unit), "`{}` is in {}: {line}", quantity.name, quantity.unit);
            for scope in quantity.scopes.iter().filter(|scope| !scope.is_empty()) {
                assert!(section.contains(&format!("`{scope}`")), "scope `{scope}` of `{}`", quantity.name);
            }
        }
    }
}
