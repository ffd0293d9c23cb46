package auth

import (
	"slices"
	"strings"
)

// Verb is what somebody wants to do.
type Verb string

// The verbs.
const (
	Public  Verb = "public"  // what needs no sign-in: the sign-in page, health
	Whoami  Verb = "whoami"  // see who one is signed in as
	Self    Verb = "self"    // one's own account, sessions, tokens, preferences
	Read    Verb = "read"    // see, search, export
	Comment Verb = "comment" // add a comment
	Write   Verb = "write"   // make and change
	Delete  Verb = "delete"  // remove
	Admin   Verb = "admin"   // accounts, roles, other people's tokens, settings
	Audit   Verb = "audit"   // read and verify the audit log
	Backup  Verb = "backup"  // what concerns the whole installation: copy it out, restore it, add an organisation
	Monitor Verb = "monitor" // see how the program itself does: its numbers, watches, database and version of Go
	Ingest  Verb = "ingest"  // write events, samples and observations
)

// Verbs lists the verbs.
var Verbs = []Verb{Public, Whoami, Self, Read, Comment, Write, Delete, Admin, Audit, Backup, Monitor, Ingest}

// The rooms. House is for what belongs to no room.
const (
	House      = ""
	Strategy   = "strategy"
	People     = "people"
	Delivery   = "delivery"
	Operations = "operations"
	Security   = "security"
	Governance = "governance"
	Review     = "review"
)

// Somewhere stands for any one room. Who asks for it is let in when there is a
// room in which they may; what exactly is asked again when that is known.
const Somewhere = "*"

// Rooms lists the rooms, the house first.
var Rooms = []string{House, Strategy, People, Delivery, Operations, Security, Governance, Review}

// Kinds of resource that the verb Admin is about.
const (
	KindAccount      = "account"      // accounts, memberships, invitations
	KindToken        = "token"        // other people's tokens
	KindIngestToken  = "ingest-token" // tokens of machines that write events
	KindProvider     = "provider"     // single sign-on: it could let anybody in as an owner
	KindOrganisation = "organisation" // its title
	KindWebhook      = "webhook"      // where to the organisation tells what happens
	KindSettings     = "settings"     // everything else
)

// Kinds of entity that belong to the house and that everybody works on who
// writes anywhere; a guard of the kind asks about the room of each.
const (
	KindClaim     = "Claim"
	KindMeasure   = "Measure"
	KindException = "Exception"
	KindTask      = "Task"
)

// Kinds of entity in the strategy room that everybody writes who answers for a
// goal, whichever rooms they work in.
const (
	KindCheckIn = "CheckIn"
	KindBlocker = "Blocker"
)

// answers lists them.
var answers = []string{KindCheckIn, KindBlocker}

// shared lists them.
var shared = []string{KindClaim, KindMeasure, KindException, KindTask}

// Resource is what a verb is done to. Kind is the name of a kind of entity, or
// one of the Kind constants.
type Resource struct {
	Room     string
	Kind     string
	Personal bool // about a person; who reads another's writes so in the audit log
}

// grant allows verbs in rooms, on kinds. Nil rooms or kinds mean all of them.
type grant struct {
	verbs  []Verb
	rooms  []string
	kinds  []string
	except []string // kinds
	home   bool     // only in the organisation that runs the installation
}

// rule is what one role may do, and which roles it may give and take.
type rule struct {
	grants []grant
	gives  []Role
}

// policy is the whole of authorisation. Who belongs to no role may do what is
// Public. testdata/policy.txt shows the table written out.
var policy = map[Role]rule{
	RoleOwner: {
		grants: []grant{{verbs: []Verb{Whoami, Self, Read, Comment, Write, Delete, Admin, Audit, Ingest}}, {verbs: []Verb{Backup, Monitor}, home: true}},
		gives:  []Role{RoleOwner, RoleCTO, RoleCISO, RoleVCISO, RoleLead, RoleMember, RoleAuditor},
	},
	RoleCTO: {
		grants: []grant{
			{verbs: []Verb{Whoami, Self, Read, Comment, Write, Delete, Audit, Ingest}},
			{verbs: []Verb{Admin}, except: []string{KindProvider}},
			{verbs: []Verb{Monitor}, home: true},
		},
		gives: []Role{RoleCTO, RoleCISO, RoleVCISO, RoleLead, RoleMember, RoleAuditor},
	},
	RoleCISO:  {grants: securityOfficer},
	RoleVCISO: {grants: securityOfficer},
	RoleLead: {grants: []grant{
		{verbs: []Verb{Whoami, Self, Read, Comment}},
		{verbs: []Verb{Write, Delete}, rooms: []string{Strategy, People, Delivery, Operations}},
		{verbs: []Verb{Write, Delete}, rooms: []string{House}, kinds: shared},
	}},
	RoleMember: {grants: []grant{
		{verbs: []Verb{Whoami, Self, Read, Comment}},
		{verbs: []Verb{Write}, rooms: []string{Strategy, Delivery, Operations}},
		{verbs: []Verb{Write}, rooms: []string{House}, kinds: shared},
	}},
	RoleAuditor: {grants: []grant{{verbs: []Verb{Whoami, Self, Read, Comment, Audit}}}},
	RoleIngest:  {grants: []grant{{verbs: []Verb{Whoami, Ingest}}}},
}

var securityOfficer = []grant{
	{verbs: []Verb{Whoami, Self, Read, Comment, Audit}},
	{verbs: []Verb{Write, Delete}, rooms: []string{Operations, Security, Governance}},
	{verbs: []Verb{Write, Delete}, rooms: []string{House}, kinds: shared},
	{verbs: []Verb{Write}, rooms: []string{Strategy}, kinds: answers},
	{verbs: []Verb{Admin}, kinds: []string{KindIngestToken}},
	{verbs: []Verb{Monitor}, home: true},
}

func (g grant) allows(v Verb, r Resource, home bool) bool {
	return slices.Contains(g.verbs, v) && (g.rooms == nil || r.Room == Somewhere || slices.Contains(g.rooms, r.Room)) &&
		(g.kinds == nil || slices.Contains(g.kinds, r.Kind)) && !slices.Contains(g.except, r.Kind) && (home || !g.home)
}

// allows reports whether a role may do v to r.
func (role Role) allows(v Verb, r Resource, home bool) bool {
	return slices.ContainsFunc(policy[role].grants, func(g grant) bool { return g.allows(v, r, home) })
}

// Gives lists the roles that role may give to others and take from them.
func (role Role) Gives() []Role { return slices.Clone(policy[role].gives) }

// rolesFor lists the roles that may do v to r.
func rolesFor(v Verb, r Resource, home bool) []Role {
	var out []Role
	for _, i := range Roles {
		if i.Role.allows(v, r, home) {
			out = append(out, i.Role)
		}
	}
	return out
}

// Scope narrows what a token may do: a verb, or a verb in one room, as "read"
// or "write:strategy". A scope never widens what the role allows.
type Scope string

// scopeVerbs says which verbs a scope opens. Whoami is open to every token.
var scopeVerbs = map[Verb][]Verb{
	Read:    {Read},
	Comment: {Read, Comment},
	Write:   {Read, Comment, Write},
	Delete:  {Read, Delete},
	Self:    {Self},
	Admin:   {Read, Admin},
	Audit:   {Audit},
	Backup:  {Backup},
	Monitor: {Monitor},
	Ingest:  {Ingest},
}

// Scopes lists the scopes without a room, in order.
var Scopes = []Scope{"read", "comment", "write", "delete", "self", "admin", "audit", "backup", "monitor", "ingest"}

// Valid reports whether s is a scope this program knows.
func (s Scope) Valid() bool {
	verb, room, inRoom := strings.Cut(string(s), ":")
	_, ok := scopeVerbs[Verb(verb)]
	return ok && (!inRoom || room != House && slices.Contains(Rooms, room))
}

func (s Scope) allows(v Verb, r Resource) bool {
	verb, room, inRoom := strings.Cut(string(s), ":")
	return slices.Contains(scopeVerbs[Verb(verb)], v) && (!inRoom || room == r.Room || r.Room == Somewhere)
}
