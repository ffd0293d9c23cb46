package cli

import (
	"context"
	"io"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/feed"
)

// installation is what commands act on. There are two: a data folder (local.go)
// and a server (remote.go).
type installation struct {
	entities
	people
	ledger
	overview
	talking
	proofs
	events
	where string // the folder or the address, for messages
	local *local
	far   *remote
	close func() error
}

// entities is what people decide and write. The methods are those of
// catalog.Catalog for the caller at hand.
type entities interface {
	Get(ctx context.Context, ref entity.Ref) (*entity.Entity, error)
	Each(ctx context.Context, q catalog.Query, f func(*entity.Entity) error) error
	Search(ctx context.Context, text string, kinds []string, limit int) ([]catalog.Hit, error)
	Relations(ctx context.Context, ref entity.Ref) ([]catalog.Relation, error)
	History(ctx context.Context, ref entity.Ref, limit int) ([]catalog.Revision, error)
	Revision(ctx context.Context, ref entity.Ref, rev int64) (*catalog.Revision, error)
	Apply(ctx context.Context, files []catalog.File, opts catalog.ApplyOptions, h hand) (*catalog.ApplyResult, error)
	Update(ctx context.Context, e *entity.Entity, base int64, h hand) (*catalog.Change, error)
	Delete(ctx context.Context, ref entity.Ref, h hand) (*catalog.Change, error)
	Rename(ctx context.Context, ref entity.Ref, name string, h hand) (*catalog.Change, error)
	Restore(ctx context.Context, ref entity.Ref, rev int64, h hand) (*catalog.Change, error)
	Import(ctx context.Context, format string, files []catalog.File, opts catalog.ImportOptions, h hand) (*catalog.ImportReport, error)
	Export(ctx context.Context, name string, opts catalog.ExportOptions) ([]catalog.File, error)
	// Follow calls f for every entry of the feed from now on, until ctx ends.
	// ready is called once nothing that happens later can be missed.
	Follow(ctx context.Context, types []string, ready func() error, f func(feed.Entry) error) error
}

// hand is who holds the fields in a three-way merge, why, and who wants to know
// how far it is. What is not known is left out.
type hand struct {
	manager, reason string
	progress        func(done, total int)
}

// people is who may come in.
type people interface {
	Whoami(ctx context.Context) (auth.Principal, error)
	Members(ctx context.Context) ([]auth.Member, error)
	// AddMember makes an account, or an invitation where only its owner can
	// make it, and returns what the person still has to open, if anything.
	AddMember(ctx context.Context, m newMember) (added, error)
	SetRole(ctx context.Context, m auth.Member, role auth.Role, expires time.Time) error
	SetDisabled(ctx context.Context, account string, disabled bool) error
	RemoveMember(ctx context.Context, account string) error
	ResetLink(ctx context.Context, account string) (link, error)
	SignInLink(ctx context.Context, email string) (link, error)
	CreateToken(ctx context.Context, n newToken) (auth.Token, string, error)
	Tokens(ctx context.Context, all bool) ([]auth.Token, error)
	RevokeToken(ctx context.Context, id string) error
	Secrets(ctx context.Context) ([]auth.Secret, error)
	SetSecret(ctx context.Context, name, value string) error
	DeleteSecret(ctx context.Context, name string) error
}

// newMember is a person to let in.
type newMember struct {
	email, name, password string
	role                  auth.Role
	userRef               string
	expires               time.Time
	orgTitle              string // of the installation, with the first owner
}

// added is what became of a newMember.
type added struct {
	first   bool // the first owner of the installation
	invited bool // an invitation was made, not an account
	link    link
}

// link is an address that works once.
type link struct {
	path    string // "/invitation/…", or whole with the server's address
	expires time.Time
}

// newToken is a token to be made.
type newToken struct {
	name    string
	scopes  []auth.Scope
	cap     auth.Role
	expires time.Time
	owner   string // e-mail of who it belongs to; only a data folder takes it
	ingest  bool   // it only writes events and belongs to nobody
}

// proofs is what the organisation claims, and the evidence under it.
type proofs interface {
	Claims(ctx context.Context, f claim.Filter) ([]claim.Told, error)
	Claim(ctx context.Context, ref entity.Ref) (*claim.Told, error)
	Runs(ctx context.Context, ref entity.Ref, test string, limit int) ([]*claim.Run, error)
	Run(ctx context.Context, ref entity.Ref, seq int64) (*claim.ToldRun, error)
	TestClaim(ctx context.Context, ref entity.Ref, test string) ([]*claim.Run, error)
	// Say gives the caller's word: an attestation or a typed number, as w.Form
	// says.
	Say(ctx context.Context, ref entity.Ref, w claim.Word) (*claim.Run, error)
	Replay(ctx context.Context, ref entity.Ref, asOf time.Time) ([]claim.ToldReplay, error)
	VerifyClaims(ctx context.Context, ref *entity.Ref) (*claim.Verification, error)
	Pack(ctx context.Context, o claim.PackOptions, w io.Writer) error
	SigningKeys(ctx context.Context) ([]signingKey, error)
}

// signingKey is a key evidence packs are signed with.
type signingKey struct {
	Fingerprint string `json:"fingerprint"`
	Key         string `json:"key"`
}

// ledger is what was done.
type ledger interface {
	SearchAudit(ctx context.Context, q audit.Query) ([]audit.Record, int64, error)
	ExportAudit(ctx context.Context, w io.Writer, format string, q audit.Query) error
	VerifyAudit(ctx context.Context, anchors []audit.Anchor) (audit.Report, error)
}
