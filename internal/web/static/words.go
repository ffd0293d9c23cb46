package static

import "slices"

// WordKeys lists the words that binnacle.js needs in the page's JSON block
// <script type="application/json" id="words">, a flat object. Those in
// PluralKeys are objects of plural forms, as {"one": "…", "other": "…"}.
func WordKeys() []string {
	return slices.Concat([]string{
		"cancel", "close", "confirm", "confirm.title", "confirm.type", "copied",
		"error.busy", "error.conflict", "error.copy", "error.forbidden", "error.offline", "error.save", "error.server", "mentions",
		"passkey.cancelled", "passkey.failed", "passkey.known",
		"remove", "theme.dark", "theme.light", "theme.system", "undo",
	}, PluralKeys())
}

// PluralKeys lists the words that are chosen by the number {n} in them.
// "confirm.type" has {word}, "remove" has {name}.
func PluralKeys() []string {
	return []string{"results", "row.added", "row.removed", "selected"}
}
