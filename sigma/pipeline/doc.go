// Package pipeline rewrites rules for a source of logs. Pipelines are written
// in pySigma's YAML form and mean what they mean there, as far as there is no
// query: an engine runs the rewritten rule itself.
//
//	name: my logs
//	priority: 20          # of several, the lowest is applied first
//	vars: {admins: [root, toor]}
//	transformations:
//	  - id: image
//	    type: field_name_mapping
//	    mapping: {Image: process.executable, User: [user.name, user.id]}
//	    rule_conditions:
//	      - {type: logsource, category: process_creation}
//
// # Conditions
//
// A transformation is applied to rules that meet its rule_conditions, to items
// that also meet its detection_item_conditions, and to fields that also meet
// its field_name_conditions. Each of the three is a list, of which all are
// needed or, with rule_cond_op (detection_item_cond_op, field_name_cond_op):
// or, one. rule_cond_not: true turns the outcome round. With rule_cond_expr
// they are a map of names, and the expression says how they are joined, by and,
// or, not and parentheses. Without conditions everything is meant.
//
// Of rules: logsource, contains_detection_item, contains_field,
// processing_item_applied, processing_state, is_sigma_rule,
// is_sigma_correlation_rule, rule_attribute, tag. Of items: match_string,
// match_value, contains_wildcard, is_null, processing_item_applied,
// processing_state. Of fields: include_fields, exclude_fields,
// processing_item_applied, processing_state.
//
// # Transformations
//
//   - field_name_mapping, field_name_prefix, field_name_prefix_mapping,
//     field_name_suffix and field_name_transform give fields other names, also
//     those that values refer to (fieldref), those of a rule's list of fields,
//     and those that a correlation groups by, aliases and counts. One field may
//     become several, of which one is enough. The key null is keywords: they
//     are then looked for within the field it is mapped to. Since a function
//     cannot be written in YAML, transform_func of field_name_transform is the
//     name of one: lower, upper, snake_case, camel_case or pascal_case.
//   - drop_detection_item takes items away. A search that is left empty is
//     taken out of the conditions: it neither holds nor fails. A rule of which
//     nothing is left is an error.
//   - hashes_fields splits Hashes into a field for each algorithm, and
//     extract_fields a text into a field for each group of an expression.
//     Hashes of other algorithms stay in their field, so that none is lost.
//   - wildcard_placeholders, value_placeholders, file_placeholders,
//     http_placeholders and command_placeholders replace placeholders: with *,
//     with a variable of the pipeline, with what a caller's Fetch returns.
//     query_expression_placeholders asks for a query, so that a rule that has
//     such a placeholder is refused.
//   - replace_string, map_string, set_value, regex, case and convert_type
//     change values, also each of those that a modifier made of one.
//   - add_condition asks for more, change_logsource changes where the rule
//     belongs, add_field, remove_field and set_field what it shows,
//     set_custom_attribute what it says of itself.
//   - rule_failure, detection_item_failure and strict_field_mapping_failure
//     refuse rules.
//   - set_state keeps something for later conditions, nest applies a list of
//     transformations as one.
//
// postprocessing and finalizers change the text of queries. A pipeline that has
// them is refused, since what they are to do cannot be done.
//
// Regular expressions of pipelines are those of rules; where they replace or
// take out parts, they are Go's.
package pipeline
