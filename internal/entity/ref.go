package entity

import (
	"fmt"
	"regexp"
	"strings"
)

// DefaultNamespace is where an entity lives when its file names none.
const DefaultNamespace = "default"

// Ref names an entity as Backstage writes it, kind:namespace/name. Kind is in
// lower case; comparison of two references from NewRef or ParseRef is exact.
type Ref struct{ Kind, Namespace, Name string }

// NewRef returns a reference with the kind folded and the namespace filled in.
func NewRef(kind, namespace, name string) Ref {
	if namespace == "" {
		namespace = DefaultNamespace
	}
	return Ref{strings.ToLower(kind), namespace, name}
}

// NamePattern is the regular expression of ValidName, for schemas.
const NamePattern = `^[A-Za-z0-9]([A-Za-z0-9_.-]{0,126}[A-Za-z0-9])?$`

var namePattern = regexp.MustCompile(NamePattern)

// ValidName reports whether s can name an entity or a namespace: 1 to 128
// letters, digits, '-', '_' and '.', beginning and ending with a letter or
// digit.
func ValidName(s string) bool { return namePattern.MatchString(s) }

// ParseRef reads [kind:][namespace/]name. What is left out comes from the
// defaults; an empty default kind makes the kind compulsory.
func ParseRef(s, defaultKind, defaultNamespace string) (Ref, error) {
	kind, rest, ok := strings.Cut(s, ":")
	if !ok {
		kind, rest = defaultKind, s
	}
	ns, name, ok := strings.Cut(rest, "/")
	if !ok {
		ns, name = defaultNamespace, rest
	}
	r := NewRef(kind, ns, name)
	switch {
	case r.Kind == "":
		return Ref{}, fmt.Errorf("reference %q has no kind: write kind:name, as group:platform", s)
	case !ValidName(r.Kind), !ValidName(r.Namespace), !ValidName(r.Name):
		return Ref{}, fmt.Errorf("%q is not a reference: write [kind:][namespace/]name, as group:default/platform", s)
	}
	return r, nil
}

// String returns the full form, kind:namespace/name.
func (r Ref) String() string { return r.Kind + ":" + r.Namespace + "/" + r.Name }

// Short returns the form people write: the namespace is left out when it is
// the default one.
func (r Ref) Short() string {
	if r.Namespace == DefaultNamespace {
		return r.Kind + ":" + r.Name
	}
	return r.String()
}

// IsZero reports whether r names nothing.
func (r Ref) IsZero() bool { return r == Ref{} }
