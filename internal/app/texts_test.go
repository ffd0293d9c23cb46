package app_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/binnaclehq/binnacle/internal/app"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/talk/talkweb"
	"github.com/binnaclehq/binnacle/internal/web"
)

// onPages are the packages whose problems and faults a page can show.
var onPages = []string{"catalog", "entity", "web", "domain", "door", "talk", "blob", "action", "morning", "claim", "detect/live/stored.go", "logs/ask.go", "logs/options.go", "logs/unopened.go"}

// coder is a function that takes the code of a problem: the first literal from
// an argument on, then an English format where it takes one, then what the
// text's arguments are.
type coder struct {
	at     int
	prefix string // what it puts before the code; several: each in its turn
	format bool
}

var coders = map[string]coder{
	"catalog.add": {1, "", true}, "catalog.warn": {1, "", true}, "catalog.problem": {0, "", true}, "catalog.badQuery": {1, "", true},
	"strategy.newProblem": {2, "", false}, "strategy.newWarning": {0, "", false}, "strategy.note": {0, "radar.", false},
	"strategy.report": {2, "radar.", false}, "strategy.wrong": {1, "", true}, "operations.targetWarning": {1, "", true},
	"adrfile.report": {1, "adr.", false}, "adrfile.newProblem": {2, "adr.", false},
	"radarfile.report": {1, "radar.", false}, "radarfile.newProblem": {2, "radar.", false},
	"workfile.Report": {1, "work.", false}, "okrfile.Report": {1, "okr.", false}, "sheet.Report": {1, "work. okr.", false}, "sheet.Coded": {2, "work. okr.", false},
	"claim.problem": {1, "", true}, "claim.add": {1, "", true}, "objectives.problem": {1, "", true}, "objectives.report": {2, "goal.", false}, "objectives.newProblem": {2, "goal.", false},
	"detections.wrong": {1, "", false}, "detections.among": {1, "", false}, "detections.bad": {2, "", true},
	"alerts.bad": {1, "", false}, "logs.refusedOption": {0, "", false},
}

// saying is what the sources say to people.
type saying struct {
	t        *testing.T
	texts    *lang.Catalog
	fset     *token.FileSet
	problems int
	faults   int
	said     map[string]bool // keys of problems and faults
}

// Every problem and every fault that a page can show has its sentence in both
// languages, with as many arguments as it is given.
func TestWhatPagesSayIsInBothLanguages(t *testing.T) {
	texts := pageTexts(t)
	s := &saying{t: t, texts: texts, fset: token.NewFileSet(), said: map[string]bool{}}
	for _, dir := range onPages {
		err := filepath.WalkDir(filepath.Join("..", dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "webtest") {
				return err
			}
			s.file(path)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range texts.Keys() {
		base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(key, ".one"), ".other"), ".hint")
		if (strings.HasPrefix(key, "problem.") || strings.HasPrefix(key, "fault.")) && !s.said[base] {
			t.Errorf("nothing says the text %q", key)
		}
	}
	if s.problems < 190 || s.faults < 120 {
		t.Errorf("only %d problems and %d faults were found: the test sees too little", s.problems, s.faults)
	}
}

// What a relation between records is called is said in both languages, from
// either side.
func TestRelationsAreInBothLanguages(t *testing.T) {
	texts := pageTexts(t)
	named := 0
	for _, m := range app.Modules() {
		for _, k := range m.Kinds {
			for _, f := range relating(k.Fields) {
				for _, name := range []string{f.Relation, f.Inverse} {
					named++
					if !texts.Has("rel." + name) {
						t.Errorf("the relation %q of %s in %s has no text rel.%s", name, f.Path, k.Name, name)
					}
				}
			}
		}
	}
	if named < 60 {
		t.Errorf("only %d names of relations were found", named)
	}
}

// relating are the fields that point at something by a name, at any depth.
func relating(fields []catalog.Field) []catalog.Field {
	var out []catalog.Field
	for _, f := range fields {
		if f.Relation != "" {
			out = append(out, f)
		}
		out = append(out, relating(f.Fields)...)
		if f.Item != nil {
			out = append(out, relating(f.Item.Fields)...)
		}
	}
	return out
}

// pageTexts are the words of all pages.
func pageTexts(t *testing.T) *lang.Catalog {
	t.Helper()
	sources := []fs.FS{web.Texts, talkweb.Module(talkweb.Config{Kinds: catalog.NewKinds()}).Texts}
	for _, m := range app.Modules() {
		if m.Texts != nil {
			sources = append(sources, m.Texts)
		}
	}
	texts, err := lang.Load(sources...)
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

func (s *saying) file(path string) {
	f, err := parser.ParseFile(s.fset, path, nil, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	pkg := f.Name.Name
	chains := map[*ast.CallExpr]bool{} // faults that have a code
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			s.call(pkg, n, chains)
		case *ast.CompositeLit:
			s.literal(n, n.Type)
		}
		return true
	})
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if ok && isFault(call) && !chains[call] && !internal(call) {
			s.t.Errorf("%s: the fault has no code: .Coded(…) names its sentence in both languages", s.fset.Position(call.Pos()))
		}
		return true
	})
}

func isFault(call *ast.CallExpr) bool {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	pkg, ok := sel.X.(*ast.Ident)
	return ok && pkg.Name == "fault" && (sel.Sel.Name == "New" || sel.Sel.Name == "Bad")
}

// internal reports whether a fault is one whose sentence nobody sees.
func internal(call *ast.CallExpr) bool {
	sel, ok := call.Args[0].(*ast.SelectorExpr)
	return ok && sel.Sel.Name == "Internal"
}

func (s *saying) call(pkg string, call *ast.CallExpr, chains map[*ast.CallExpr]bool) {
	name := ""
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		name = fun.Name
	case *ast.SelectorExpr:
		name = fun.Sel.Name
		if made, ok := fun.X.(*ast.CallExpr); ok && name == "Coded" {
			chains[made] = true
			s.fault(call, made)
			return
		}
		if name == "WithHint" {
			s.hint(call)
			return
		}
	}
	c, ok := coders[pkg+"."+name]
	for i, arg := range call.Args[min(c.at, len(call.Args)):] {
		if code, is := literal(arg); ok && is {
			for _, prefix := range strings.Split(c.prefix, " ") {
				s.problem(call.Pos(), prefix+code)
				s.given(call, prefix+code, c, c.at+i+1)
			}
			return
		}
	}
}

// given checks that the call which makes a problem gives the arguments that its
// text wants: what follows the code, or the format after it.
func (s *saying) given(call *ast.CallExpr, code string, c coder, from int) {
	rest := call.Args[from:]
	if c.format && len(rest) > 0 {
		rest = rest[1:]
	}
	if want := max(s.arguments("problem."+code), s.arguments("problem."+code+".hint")); want > len(rest) && !call.Ellipsis.IsValid() {
		s.t.Errorf("%s: the text of the problem %q wants %d arguments, there are %d", s.fset.Position(call.Pos()), code, want, len(rest))
	}
}

func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}

// literal finds the codes of problems, warnings and faults that are written out.
func (s *saying) literal(lit *ast.CompositeLit, typ ast.Expr) {
	if sel, ok := typ.(*ast.SelectorExpr); ok && fmt.Sprint(sel.X) == "fault" && sel.Sel.Name == "Error" {
		s.whole(lit)
		return
	}
	for _, e := range lit.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		key, ok := kv.Key.(*ast.Ident)
		if !ok || key.Name != "Code" {
			continue
		}
		if prefix, ok := computed(kv.Value); ok {
			s.begun(lit.Pos(), prefix)
		}
		if code, ok := literal(kv.Value); ok {
			s.problem(lit.Pos(), code)
			s.written(lit, code)
		}
	}
}

// computed returns how a code starts whose end is found while the program runs:
// Code: "case-lacks-" + l.Code.
func computed(e ast.Expr) (string, bool) {
	sum, ok := e.(*ast.BinaryExpr)
	if !ok || sum.Op != token.ADD {
		return "", false
	}
	return literal(sum.X)
}

// begun notes that all problems whose codes start so are said, which are some.
func (s *saying) begun(pos token.Pos, prefix string) {
	found := false
	for _, key := range s.texts.Keys() {
		if code, ok := strings.CutPrefix(key, "problem."); ok && strings.HasPrefix(code, prefix) {
			s.said[key], found = true, true
		}
	}
	if !found {
		s.t.Errorf("%s: no problem has a text whose code starts with %q", s.fset.Position(pos), prefix)
	}
}

// written checks the arguments of a problem that is written out.
func (s *saying) written(lit *ast.CompositeLit, code string) {
	args := 0
	for _, e := range lit.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok || fmt.Sprint(kv.Key) != "Args" {
			continue
		}
		list, ok := kv.Value.(*ast.CompositeLit)
		if !ok {
			return // made elsewhere
		}
		args = len(list.Elts)
	}
	if want := s.arguments("problem." + code); want > args {
		s.t.Errorf("%s: the text of the problem %q wants %d arguments, there are %d", s.fset.Position(lit.Pos()), code, want, args)
	}
}

// whole checks a fault that is written out with its cause.
func (s *saying) whole(lit *ast.CompositeLit) {
	parts := map[string]ast.Expr{}
	for _, e := range lit.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			parts[fmt.Sprint(kv.Key)] = kv.Value
		}
	}
	at := s.fset.Position(lit.Pos())
	code, coded := literal(parts["Code"])
	if cause, ok := parts["Err"].(*ast.UnaryExpr); ok && !coded && cause.Op == token.AND {
		return // an auth.Reason, which holds both languages
	}
	args := 0
	if list, ok := parts["Args"].(*ast.CompositeLit); ok {
		args = len(list.Elts)
	}
	s.faults++
	s.said["fault."+code] = true
	if !s.texts.Has("fault." + code) {
		s.t.Errorf("%s: the fault %q has no text", at, code)
	} else if got := s.arguments("fault." + code); got > args {
		s.t.Errorf("%s: the text of %q wants %d arguments, the fault has %d", at, code, got, args)
	}
	if parts["Hint"] != nil && !s.texts.Has("fault."+code+".hint") {
		s.t.Errorf("%s: the hint of %q has no text", at, code)
	}
}

func (s *saying) problem(pos token.Pos, code string) {
	s.problems++
	s.said["problem."+code] = true
	if !s.texts.Has("problem." + code) {
		s.t.Errorf("%s: the problem %q has no text", s.fset.Position(pos), code)
	}
}

var (
	verb = regexp.MustCompile(`%[+#]?(\.\d+)?\[?\d*\]?[a-z]`)
	mark = regexp.MustCompile(`\{\d\}`)
)

// fault checks the sentence of one fault against the text of its code.
func (s *saying) fault(coded, made *ast.CallExpr) {
	s.faults++
	at := s.fset.Position(coded.Pos())
	code, _ := literal(coded.Args[0])
	s.said["fault."+code] = true
	if !s.texts.Has("fault." + code) {
		s.t.Errorf("%s: the fault %q has no text", at, code)
		return
	}
	if made.Fun.(*ast.SelectorExpr).Sel.Name != "New" {
		return
	}
	if want, got := len(made.Args)-2, s.arguments("fault."+code); got > want {
		s.t.Errorf("%s: the text of %q wants %d arguments, the fault has %d", at, code, got, want)
	}
}

// arguments is how many arguments a text wants.
func (s *saying) arguments(key string) int {
	most := 0
	for _, code := range lang.All {
		for _, k := range []string{key, key + ".other"} {
			for _, m := range mark.FindAllString(s.texts.Get(code, k), -1) {
				most = max(most, int(m[1]-'0')+1)
			}
		}
	}
	return most
}

// hint checks that a hint after a code has its text too.
func (s *saying) hint(call *ast.CallExpr) {
	format, ok := literal(call.Args[0])
	if !ok || strings.HasPrefix(format, "did you mean") {
		return
	}
	code := ""
	ast.Inspect(call, func(n ast.Node) bool {
		if c, ok := n.(*ast.CallExpr); ok {
			if sel, ok := c.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "Coded" {
				code, _ = literal(c.Args[0])
			}
		}
		return true
	})
	if code == "" {
		return // on an error that was made before
	}
	key := "fault." + code + ".hint"
	if !s.texts.Has(key) {
		s.t.Errorf("%s: the hint of %q has no text", s.fset.Position(call.Pos()), code)
		return
	}
	if got, want := s.arguments(key), len(verb.FindAllString(format, -1)); got != want {
		s.t.Errorf("%s: the hint of %q wants %d arguments, there are %d", s.fset.Position(call.Pos()), code, got, want)
	}
}
