package web

import (
	"io/fs"
	"net/http"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Room is one of the rooms of the house: a group of the side navigation.
type Room struct {
	ID    string // as the policy names it, "strategy"
	Title lang.Text
	Icon  string // of the icon sheet, without "i-"
	Order int
	// House says that the group is none of the rooms but a part of the house
	// itself: ID only names it. The kinds its navigation lists belong to it.
	House bool
}

// Module is what a room brings to the web.
type Module struct {
	Room      Room
	Texts     fs.FS // text.en.json and text.es.json; nil when it has no words
	Templates fs.FS // *.html of its pages and cards; nil when it has none
	Pages     []PageDef
	Cards     []Card
	Nav       []NavItem
	Top       []NavItem // places above the rooms
	Commands  []Command
	Bar       []NavItem // in the bar at the top: an icon, and a count that is drawn when there is one
	Places    []Place   // pages beside the kit's own of the settings and the account
	Importers []catalog.Importer
	Exporters []catalog.Exporter
	// Held returns what the module holds about the reader, by name, for the file
	// of all that is held about them; nil: nothing.
	Held func(*Ctx) (map[string]any, error)
}

// PageDef is one page, or one address that a form is sent to.
//
// Handle returns what is shown:
//   - a pointer to a struct that embeds Shell: a page, drawn by Template inside
//     the frame;
//   - a Redirect: the browser goes there, with what to say on arrival;
//   - a File: it is downloaded;
//   - nil: Handle has written the answer itself.
//
// A page that sets Shell.Fragment is answered with that template alone when
// htmx asks.
type PageDef struct {
	ID       string // "radar"; the NavItem of the same ID is the current one
	Room     string // "" for the house
	Method   string // "" is GET
	Pattern  string // as http.ServeMux knows it, without the method: "/radar/{edition}"
	Verb     auth.Verb
	Resource func(*http.Request) (auth.Resource, error) // nil: the room
	Template string                                     // file that defines "main"; "" when no page is drawn
	Nav      string                                     // ID of the place in the navigation; "" is ID
	MaxBody  int64                                      // bytes; 0: 1 MiB
	Stream   bool                                       // may outlive the door's time limit
	Handle   func(*Ctx) (any, error)
}

// OnKind is the Resource of a page about entities of a kind that belongs to no
// room.
func OnKind(kind string) func(*http.Request) (auth.Resource, error) {
	return func(*http.Request) (auth.Resource, error) { return auth.Resource{Kind: kind}, nil }
}

// Slot is where a card stands on the page of a record.
type Slot string

// The slots.
const (
	Head    Slot = "head"    // beside the title: badges, drawn without a panel
	Actions Slot = "actions" // buttons at the right of the title, drawn without a panel
	Main    Slot = "main"    // the wide column
	Side    Slot = "side"    // the narrow column
	Wide    Slot = "wide"    // under both, over the whole width
	Band    Slot = "band"    // between the head and the columns, over the whole width, drawn without a panel
	Tab     Slot = "tab"     // a page of its own behind a tab, at /{plural}/{namespace}/{name}/{ID}
)

// Card shows something about a record on its page. Load returns what Template
// is drawn with, or nil when there is nothing to say: the card is then left
// out. A card that fails shows its failure in its place and the rest of the
// page stands.
//
// The kit draws the panel and the heading; Template is drawn under it, by the
// name of its file. A template of that file called "tools" goes into the head
// of the panel, right of the title.
type Card struct {
	ID       string
	Kinds    []string // names of kinds; empty: every kind
	Slot     Slot
	Order    int    // the generic cards stand at 100, 200, …
	Title    string // key of the heading
	Template string
	Load     func(*Ctx, *entity.Entity) (any, error)

	// Replaces names what this card shows in a better way, so that the page
	// leaves it out: IDs of the kit's own cards, as "neighbours", "relations"
	// or "labels", of cards of other rooms, and paths of fields, as "spec.owner".
	Replaces []string
	Flush    bool // Template brings its own padding, as tables and lists of checks do

	room string // that brought it
}

// Count stands beside a place in the navigation: how many there are, or, with
// a State, how many need a person.
type Count struct {
	N     int
	State string // "", "warn" or "bad"
}

// NavItem is a place in the side navigation and in the palette.
type NavItem struct {
	ID    string // of the PageDef that is current there; for a Kind its plural
	Kind  string // name of a kind: label, address and count are those of its list
	Label string // key; the kind's title when empty
	Href  string
	Icon  string // of the icon sheet, without "i-"; the kind's or the room's when empty
	Key   string // the letter after g
	Count func(*Ctx) (Count, error)
}

// Place is a page of a module among the settings of the organisation, or of one's
// own account. Its page draws the links to all of them with Ctx.Places.
type Place struct {
	ID       string
	Label    string // key
	Href     string
	Icon     string // of the icon sheet, without "i-"
	Account  bool   // of one's own account
	Verb     auth.Verb
	Resource auth.Resource
}

// Command is something to do, offered in the palette.
type Command struct {
	Label    string // key; begins with a verb
	Href     string // the page where it is done
	Icon     string
	Verb     auth.Verb
	Resource auth.Resource
}

// Redirect sends the browser to another page of this program.
type Redirect struct {
	To    string // path, with its query
	Toast *Toast // what to say on arrival
}

// Toast is one sentence that confirms, with a way back where there is one.
type Toast struct {
	Key  string   `json:"k"` // of the text
	Args []string `json:"a,omitempty"`
	Undo *Undo    `json:"u,omitempty"`
}

// Undo is a form that takes an action back.
type Undo struct {
	Action string            `json:"a"`
	Fields map[string]string `json:"f,omitempty"`
}

// File is a download.
type File struct {
	Name string
	Type string // media type
	Data []byte
	// Write, when not nil, is used in place of Data and may take long.
	Write func(http.ResponseWriter) error
}

// Crumb is a step of the way to a page.
type Crumb struct{ Href, Label string }

// Shell is the part that every page has in common; a page struct embeds it.
// Title is required.
type Shell struct {
	Title    string  // the heading, and the name of the window
	Short    string  // the last crumb; Title when empty
	Crumbs   []Crumb // between the room and the page
	Class    string  // of <main>, as "has-drawer"
	Fragment string  // template that answers htmx instead of the whole page
	Status   int     // of HTTP; 0: 200
	Bare     bool    // without navigation
	Template string  // file drawn in place of the PageDef's

	Frame *Frame // filled in by the kit before drawing
}

// Ctx is one request: who asks, in which language, and helpers to answer.
type Ctx struct {
	W      http.ResponseWriter
	R      *http.Request
	App    *App
	Lang   lang.Code
	Now    time.Time
	Caller catalog.Caller // Manager is "form"; Reason is the form field "reason"

	relations map[entity.Ref][]catalog.Relation
	looks     *catalog.Looks // at people's data, for this answer
	shared    map[string]func() (any, error)
}
