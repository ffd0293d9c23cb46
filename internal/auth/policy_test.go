package auth

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/fault"
)

var update = flag.Bool("update", false, "write the golden files again")

// TestPolicy writes the table of who may do what as a person reads it. Every
// cell asks Principal.Can.
func TestPolicy(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Who may do what. go test ./internal/auth -run TestPolicy -update writes this again.\n")
	for _, v := range Verbs {
		switch v {
		case Admin:
			section(&b, v, "of", []string{KindAccount, KindToken, KindIngestToken, KindProvider, KindOrganisation, KindWebhook, KindSettings}, func(c string) (Resource, bool) { return Resource{Kind: c}, false })
		case Backup, Monitor:
			section(&b, v, "from", []string{"home", "elsewhere"}, func(c string) (Resource, bool) { return Resource{}, c == "home" })
		case Public, Whoami, Self, Audit, Ingest:
			section(&b, v, "", []string{"anywhere"}, func(string) (Resource, bool) { return Resource{}, false })
		default:
			section(&b, v, "in", Rooms, func(c string) (Resource, bool) { return Resource{Room: c, Kind: "Thing"}, false })
		}
	}
	for _, v := range []Verb{Write, Delete} {
		section(&b, v, "a", append(slices.Clone(shared), answers...), func(c string) (Resource, bool) {
			if slices.Contains(answers, c) {
				return Resource{Room: Strategy, Kind: c}, false
			}
			return Resource{Kind: c}, false
		})
	}
	b.WriteString("\nmay give and take the roles\n")
	for _, i := range Roles {
		fmt.Fprintf(&b, "  %-8s %s\n", i.Role, strings.Trim(fmt.Sprint(i.Role.Gives()), "[]"))
	}
	golden(t, "testdata/policy.txt", strings.ReplaceAll(b.String(), " \n", "\n"))
}

func section(b *strings.Builder, v Verb, word string, columns []string, at func(string) (Resource, bool)) {
	fmt.Fprintf(b, "\n%-10s", strings.TrimSpace(string(v)+" "+word))
	for _, c := range columns {
		if c == House {
			c = "(house)"
		}
		fmt.Fprintf(b, " %-12s", c)
	}
	b.WriteString("\n")
	for _, role := range append([]RoleInfo{{}}, Roles...) {
		name := string(role.Role)
		if name == "" {
			name = "nobody"
		}
		fmt.Fprintf(b, "  %-8s", name)
		for _, c := range columns {
			r, home := at(c)
			mark := "-"
			if (Principal{Role: role.Role, Home: home}).Can(v, r) == nil {
				mark = "yes"
			}
			fmt.Fprintf(b, " %-12s", mark)
		}
		b.WriteString("\n")
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	for strings.Contains(got, " \n") {
		got = strings.ReplaceAll(got, " \n", "\n")
	}
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", path, diff)
	}
}

func TestZeroPrincipalIsNobody(t *testing.T) {
	for _, v := range Verbs {
		for _, room := range Rooms {
			err := Principal{}.Can(v, Resource{Room: room})
			if v == Public && err != nil {
				t.Errorf("nobody may not do what is public: %v", err)
			}
			if v != Public && !fault.Is(err, fault.Unauthenticated) {
				t.Errorf("nobody, %s in %q: got %v, want unauthenticated", v, room, err)
			}
		}
	}
	if err := (Principal{Role: "root"}).Can(Read, Resource{}); !fault.Is(err, fault.Forbidden) {
		t.Errorf("an unknown role may read: %v", err)
	}
}

func TestCanSaysWho(t *testing.T) {
	past, future := time.Now().Add(-time.Second), time.Now().Add(time.Hour)
	tests := []struct {
		name   string
		p      Principal
		verb   Verb
		r      Resource
		code   string // "" is allowed
		en, es string
	}{
		{"role", Principal{Role: RoleMember}, Delete, Resource{Room: Security}, "role",
			"The role Member may not delete in security; vCISO, CISO, CTO or Owner may.", "La función Miembro no puede borrar en seguridad; sí puede: vCISO, CISO, CTO o Propietario."},
		{"ended", Principal{Role: RoleAuditor, Org: "acme", OrgTitle: "Acme", Expires: past}, Read, Resource{}, "membership-ended",
			"Your access to Acme ended on " + past.UTC().Format(time.DateOnly) + ".", "Tu acceso a Acme terminó el " + past.UTC().Format(time.DateOnly) + "."},
		{"not ended", Principal{Role: RoleAuditor, Expires: future}, Read, Resource{Room: People, Personal: true}, "", "", ""},
		{"auditor never writes", Principal{Role: RoleAuditor, Expires: future}, Write, Resource{Room: Strategy}, "role",
			"The role Auditor may not write in strategy; Member, Team lead, CTO or Owner may.", "La función Auditor no puede escribir en estrategia; sí puede: Miembro, Responsable de equipo, CTO o Propietario."},
		{"backup elsewhere", Principal{Role: RoleOwner}, Backup, Resource{}, "home-only",
			"Only an account with the role Owner in the organisation that runs this installation may back up the installation or add organisations.", "Solo una cuenta con la función Propietario en la organización que gestiona esta instalación puede copiar la instalación o añadir organizaciones."},
		{"write somewhere", Principal{Role: RoleMember}, Write, Resource{Room: Somewhere}, "", "", ""},
		{"write nowhere", Principal{Role: RoleAuditor}, Write, Resource{Room: Somewhere}, "role",
			"The role Auditor may not write; Member, Team lead, vCISO, CISO, CTO or Owner may.", "La función Auditor no puede escribir; sí puede: Miembro, Responsable de equipo, vCISO, CISO, CTO o Propietario."},
		{"a scope of one room", Principal{Role: RoleOwner, Token: "t", Scopes: []Scope{"write:strategy"}}, Write, Resource{Room: Somewhere}, "", "", ""},
		{"a scope that reads", Principal{Role: RoleOwner, Token: "t", Scopes: []Scope{"read"}}, Write, Resource{Room: Somewhere}, "scope",
			"This token's scopes do not allow write; it needs the scope write.", "Los ámbitos de este token no permiten escribir; necesita el ámbito write."},
		{"a scraper", Principal{Role: RoleCTO, Home: true, Token: "t", Scopes: []Scope{"monitor"}}, Monitor, Resource{}, "", "", ""},
		{"a scraper reads nothing else", Principal{Role: RoleCTO, Home: true, Token: "t", Scopes: []Scope{"monitor"}}, Read, Resource{}, "scope",
			"This token's scopes do not allow read; it needs the scope read.", "Los ámbitos de este token no permiten leer; necesita el ámbito read."},
		{"monitor from another organisation", Principal{Role: RoleOwner}, Monitor, Resource{}, "home-only",
			"Only an account with the role vCISO, CISO, CTO or Owner in the organisation that runs this installation may see how the program does.", "Solo una cuenta con la función vCISO, CISO, CTO o Propietario en la organización que gestiona esta instalación puede ver cómo está el programa."},
		{"a member does not monitor", Principal{Role: RoleMember, Home: true}, Monitor, Resource{}, "role",
			"The role Member may not see how the program does; vCISO, CISO, CTO or Owner may.", "La función Miembro no puede ver cómo está el programa; sí puede: vCISO, CISO, CTO o Propietario."},
		{"ingest reads nothing personal", Principal{Role: RoleIngest}, Read, Resource{Room: People, Personal: true}, "role",
			"The role Ingest may not read in people; Auditor, Member, Team lead, vCISO, CISO, CTO or Owner may.", "La función Ingesta no puede leer en personas; sí puede: Auditor, Miembro, Responsable de equipo, vCISO, CISO, CTO o Propietario."},
		{"scope", Principal{Role: RoleOwner, Token: "t", Scopes: []Scope{"write:strategy"}}, Write, Resource{Room: Security}, "scope",
			"This token's scopes do not allow write in security; it needs the scope write.", "Los ámbitos de este token no permiten escribir en seguridad; necesita el ámbito write."},
		{"scope in its room", Principal{Role: RoleOwner, Token: "t", Scopes: []Scope{"write:strategy"}}, Write, Resource{Room: Strategy}, "", "", ""},
		{"write reads", Principal{Role: RoleOwner, Token: "t", Scopes: []Scope{"write:strategy"}}, Read, Resource{Room: Strategy}, "", "", ""},
		{"write does not delete", Principal{Role: RoleOwner, Token: "t", Scopes: []Scope{"write"}}, Delete, Resource{Room: Strategy}, "scope",
			"This token's scopes do not allow delete in strategy; it needs the scope delete.", "Los ámbitos de este token no permiten borrar en estrategia; necesita el ámbito delete."},
		{"a scope does not widen", Principal{Role: RoleMember, Token: "t", Scopes: []Scope{"admin"}}, Admin, Resource{Kind: KindAccount}, "role",
			"The role Member may not administer; CTO or Owner may.", "La función Miembro no puede administrar; sí puede: CTO o Propietario."},
		{"no scopes", Principal{Role: RoleOwner, Token: "t"}, Read, Resource{}, "scope",
			"This token's scopes do not allow read; it needs the scope read.", "Los ámbitos de este token no permiten leer; necesita el ámbito read."},
		{"no scopes, who am I", Principal{Role: RoleOwner, Token: "t"}, Whoami, Resource{}, "", "", ""},
		{"cap", Principal{Role: RoleOwner, Cap: RoleAuditor, Token: "t", Scopes: []Scope{"write"}}, Write, Resource{Room: Strategy}, "role",
			"The role Auditor may not write in strategy; Member, Team lead, CTO or Owner may.", "La función Auditor no puede escribir en estrategia; sí puede: Miembro, Responsable de equipo, CTO o Propietario."},
		{"a cap does not widen", Principal{Role: RoleMember, Cap: RoleOwner, Token: "t", Scopes: []Scope{"admin"}}, Admin, Resource{Kind: KindAccount}, "role",
			"The role Member may not administer; CTO or Owner may.", "La función Miembro no puede administrar; sí puede: CTO o Propietario."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.p.Can(tt.verb, tt.r)
			reason, _ := ReasonOf(err)
			if tt.code == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if reason == nil || reason.Code != tt.code || reason.Text.En != tt.en || reason.Text.Es != tt.es {
				t.Errorf("got  %+v\nwant %s: %s / %s", reason, tt.code, tt.en, tt.es)
			}
		})
	}
}

func TestScopeValid(t *testing.T) {
	for s, want := range map[Scope]bool{"read": true, "write:strategy": true, "ingest": true, "": false, "write:": false, "write:attic": false, "public": false, "whoami": false, "all": false, "write:strategy:x": false} {
		if s.Valid() != want {
			t.Errorf("%q valid: got %v", s, s.Valid())
		}
	}
	for _, s := range Scopes {
		if !s.Valid() {
			t.Errorf("%q is listed and not valid", s)
		}
	}
	if len(Scopes) != len(scopeVerbs) {
		t.Errorf("%d scopes are listed, %d are known", len(Scopes), len(scopeVerbs))
	}
}

func TestRolesAreTold(t *testing.T) {
	if len(Roles) != len(policy) {
		t.Errorf("%d roles are listed, %d have a policy", len(Roles), len(policy))
	}
	for _, i := range Roles {
		for _, text := range []string{i.Title.En, i.Title.Es, i.Summary.En, i.Summary.Es} {
			if text == "" {
				t.Errorf("role %s lacks a text", i.Role)
			}
		}
	}
}
