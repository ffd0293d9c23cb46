package claim

import (
	"archive/zip"
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// PackFormat names the form of an evidence pack: a zip of
//
//	manifest.json       what is in it, with the SHA-256 of every file, and the key
//	claims/<uid>/       claim.json, revisions.jsonl, runs.jsonl
//	documents/<sha256>  questions and answers, by hash
//	attachments/<sha256>
//
// whose comment, the last bytes of the file, is the form and the Ed25519ph
// signature in hex of every byte before it. It can be checked on any machine,
// without a server and without the database.
const PackFormat = "binnacle-evidence/1"

// Keys seals the key that packs are signed with.
type Keys interface {
	Seal(ctx context.Context, secret []byte, context string) (string, error)
	Open(ctx context.Context, sealed, context string) ([]byte, error)
}

// Manifest says what is in an evidence pack.
type Manifest struct {
	Format       string      `json:"format"`
	Organisation string      `json:"organisation"`
	Made         time.Time   `json:"made"`
	By           string      `json:"by"`
	From         time.Time   `json:"from"`
	To           time.Time   `json:"to"`
	Key          string      `json:"key"` // the public key, in base64
	Claims       []PackClaim `json:"claims"`
	Files        []PackFile  `json:"files"`
}

// PackClaim is one claim of a pack, as it stood when the pack was made.
type PackClaim struct {
	UID       string `json:"uid"`
	Ref       string `json:"ref"`
	Statement string `json:"statement"`
	State     State  `json:"state"`
	Why       string `json:"why"`
	Runs      int    `json:"runs"`
	// Before is the hash of the last run before the first one in the pack; "" at
	// the beginning of the chain.
	Before string `json:"before"`
	First  int64  `json:"first"` // 0 without runs
	Last   int64  `json:"last"`
}

// PackFile is one file of a pack.
type PackFile struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Attachment is a file that belongs to a claim and travels with its evidence.
type Attachment struct {
	Name   string
	Type   string
	SHA256 string
	Open   func() (io.ReadCloser, error)
}

// Fingerprint returns what people compare a public key by: the first half of
// its SHA-256, in hex.
func Fingerprint(key []byte) string { return digest(key)[:32] }

const sealContext = "claims/signing"

// Sealed returns the column that holds the keys that sign packs. When one is
// lost another signs from then on.
func Sealed() []auth.Sealed {
	return []auth.Sealed{{Table: "claim_keys", Column: "sealed", Name: "public", Context: func(string) string { return sealContext }, Spare: true}}
}

// signer returns the installation's signing key, and makes it the first time.
func (e *Engine) signer(ctx context.Context) (ed25519.PrivateKey, error) {
	if e.cfg.Keys == nil {
		return nil, fault.New(fault.Unavailable, "there is no keyring to sign with").Coded("claim.no-keyring")
	}
	var sealed string
	err := e.db.QueryRow(ctx, `SELECT sealed FROM claim_keys ORDER BY id DESC LIMIT 1`).Scan(&sealed)
	if err == nil {
		seed, err := e.cfg.Keys.Open(ctx, sealed, sealContext)
		if err == nil {
			return ed25519.NewKeyFromSeed(seed), nil
		}
		var known *fault.Error
		if errors.As(err, &known) {
			return nil, err
		}
		// It was sealed with a key that is lost: another one signs from now on.
	} else if !errors.Is(err, sqldb.ErrNoRows) {
		return nil, err
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	if sealed, err = e.cfg.Keys.Seal(ctx, private.Seed(), sealContext); err != nil {
		return nil, err
	}
	_, err = e.db.Exec(ctx, `INSERT INTO claim_keys (id, public, sealed, made) SELECT COALESCE(max(id), 0) + 1, ?, ?, ? FROM claim_keys`,
		base64.StdEncoding.EncodeToString(public), sealed, sqldb.Micros(e.now()))
	if sqldb.IsUnique(err) { // another node has just made one
		return e.signer(ctx)
	}
	return private, err
}

// PublicKeys returns the public keys packs were ever signed with, the newest
// first.
func (e *Engine) PublicKeys(ctx context.Context) ([]string, error) {
	return sqldb.Values[string](ctx, e.db, `SELECT public FROM claim_keys ORDER BY id DESC`)
}

// PackOptions say what goes into a pack.
type PackOptions struct {
	Refs         []entity.Ref // claims; empty: all the caller may read
	From, To     time.Time    // moments the runs are about
	Organisation string       // its title
}

// Packable returns why a pack cannot be made, before any of it is written.
func (e *Engine) Packable(ctx context.Context, caller catalog.Caller, o PackOptions) error {
	_, _, err := e.packing(ctx, caller, o)
	return err
}

func (e *Engine) packing(ctx context.Context, caller catalog.Caller, o PackOptions) ([]*View, ed25519.PrivateKey, error) {
	if !o.From.Before(o.To) {
		return nil, nil, fault.Bad("the time of the evidence is empty", problem("from", "range", "must lie before its end")).Coded("claim.pack-time")
	}
	views, err := e.packed(ctx, caller, o.Refs)
	if err != nil {
		return nil, nil, err
	}
	key, err := e.signer(ctx)
	return views, key, err
}

// Pack writes the evidence of some claims as one signed file. That it was taken
// is in the audit log before the first byte leaves.
func (e *Engine) Pack(ctx context.Context, caller catalog.Caller, o PackOptions, w io.Writer) (*Manifest, error) {
	views, key, err := e.packing(ctx, caller, o)
	if err != nil {
		return nil, err
	}
	err = e.db.Tx(ctx, func(tx *sqldb.Tx) error {
		return audit.Append(ctx, tx, &audit.Record{Org: caller.Org, At: e.now(), Actor: caller.Account, ActorName: caller.Name, Action: "claim.export", Target: fmt.Sprintf("%d claims", len(views)),
			IP: caller.IP, Via: caller.Via, Outcome: audit.OK})
	})
	if err != nil {
		return nil, err
	}
	m := &Manifest{Format: PackFormat, Organisation: cmp.Or(o.Organisation, caller.OrgTitle, caller.Org), Made: e.now().UTC().Truncate(time.Microsecond), By: caller.Identity(),
		From: o.From.UTC(), To: o.To.UTC(), Key: base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey))}
	out := &sealed{w: w, hash: sha512.New()}
	p := &packer{e: e, ctx: ctx, caller: caller, out: out, zip: zip.NewWriter(out), m: m, seen: map[string]bool{}}
	for _, v := range views {
		if err := p.claim(v, o); err != nil {
			return nil, err
		}
	}
	return m, p.finish(key)
}

func (e *Engine) packed(ctx context.Context, caller catalog.Caller, refs []entity.Ref) ([]*View, error) {
	if len(refs) == 0 {
		return e.Views(ctx, caller, Filter{})
	}
	var out []*View
	for _, ref := range refs {
		v, err := e.Get(ctx, caller, ref)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// packer writes the files of a pack and keeps their hashes.
type packer struct {
	e      *Engine
	ctx    context.Context
	caller catalog.Caller
	out    *sealed
	zip    *zip.Writer
	m      *Manifest
	seen   map[string]bool
}

// file adds one file; the time in the zip is that of the pack.
func (p *packer) file(name string, data []byte) error {
	if p.seen[name] {
		return nil
	}
	p.seen[name] = true
	w, err := p.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: p.m.Made})
	if err != nil {
		return err
	}
	p.m.Files = append(p.m.Files, PackFile{Name: name, Size: int64(len(data)), SHA256: digest(data)})
	_, err = w.Write(data)
	return err
}

func (p *packer) claim(v *View, o PackOptions) error {
	dir := "claims/" + v.UID + "/"
	doc, err := json.MarshalIndent(catalog.Clean(v.Entity), "", "  ")
	if err != nil {
		return err
	}
	if err := p.file(dir+"claim.json", doc); err != nil {
		return err
	}
	revs, err := p.revisions(v)
	if err != nil {
		return err
	}
	if err := p.lines(dir+"revisions.jsonl", anyOf(revs)); err != nil {
		return err
	}
	runs, err := p.e.runs(p.ctx, p.e.db, `r.org = ? AND r.claim = ? AND r.seq BETWEEN
		(SELECT min(x.seq) FROM claim_runs x WHERE x.org = r.org AND x.claim = r.claim AND x.as_of >= ? AND x.as_of < ?) AND
		(SELECT max(x.seq) FROM claim_runs x WHERE x.org = r.org AND x.claim = r.claim AND x.as_of >= ? AND x.as_of < ?) ORDER BY r.seq`,
		p.caller.Org, v.UID, sqldb.Micros(o.From), sqldb.Micros(o.To), sqldb.Micros(o.From), sqldb.Micros(o.To))
	if err != nil {
		return err
	}
	pc := PackClaim{UID: v.UID, Ref: v.Ref, Statement: v.Statement, State: v.State, Why: v.Why.En, Runs: len(runs)}
	if len(runs) > 0 {
		pc.Before, pc.First, pc.Last = runs[0].Prev, runs[0].Seq, runs[len(runs)-1].Seq
	}
	p.m.Claims = append(p.m.Claims, pc)
	if err := p.lines(dir+"runs.jsonl", anyOf(runs)); err != nil {
		return err
	}
	for _, r := range runs {
		for _, hash := range []string{r.Query, r.Result} {
			if err := p.document(hash); err != nil {
				return err
			}
		}
	}
	return p.attachments(v, dir)
}

// revisionsAtOnce is how many revisions are read at a time.
const revisionsAtOnce = 100

// revisions reads all of an entity, the newest first.
func (p *packer) revisions(v *View) ([]catalog.Revision, error) {
	var out []catalog.Revision
	before := int64(0)
	for {
		page, err := p.e.catalog.History(p.ctx, p.caller, v.Entity.Ref(), before, revisionsAtOnce)
		if out = append(out, page...); err != nil || len(page) < revisionsAtOnce {
			return out, err
		}
		before = page[len(page)-1].Rev
	}
}

func anyOf[T any](list []T) []any {
	out := make([]any, len(list))
	for i, x := range list {
		out[i] = x
	}
	return out
}

func (p *packer) lines(name string, list []any) error {
	var b bytes.Buffer
	for _, x := range list {
		line, err := json.Marshal(x)
		if err != nil {
			return err
		}
		b.Write(append(line, '\n'))
	}
	return p.file(name, b.Bytes())
}

func (p *packer) document(hash string) error {
	name := "documents/" + hash
	if p.seen[name] {
		return nil
	}
	doc, err := p.e.document(p.ctx, p.e.db, p.caller.Org, hash)
	if err != nil {
		return err
	}
	return p.file(name, doc)
}

func (p *packer) attachments(v *View, dir string) error {
	if p.e.cfg.Attachments == nil {
		return nil
	}
	list, err := p.e.cfg.Attachments(p.ctx, p.caller.Org, v.UID)
	if err != nil || len(list) == 0 {
		return err
	}
	var index []any
	for _, a := range list {
		index = append(index, map[string]string{"name": a.Name, "type": a.Type, "sha256": a.SHA256})
		data, err := a.read()
		if err != nil {
			return err
		}
		if err := p.file("attachments/"+a.SHA256, data); err != nil {
			return err
		}
	}
	return p.lines(dir+"attachments.jsonl", index)
}

// read returns what was attached, and an error when it is not that any more.
func (a *Attachment) read() ([]byte, error) {
	r, err := a.Open()
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(r, maxPackFile+1))
	r.Close()
	switch {
	case err != nil:
		return nil, err
	case len(data) > maxPackFile:
		return nil, fault.New(fault.TooLarge, "the attached file %s is larger than the %d MiB that a pack may hold of one file", a.Name, maxPackFile>>20).Coded("claim.pack-file")
	case digest(data) != a.SHA256:
		return nil, fault.New(fault.Unavailable, "the attached file %s is not what was attached", a.Name).Coded("claim.pack-damaged").WithHint("binnacle doctor lists what is damaged; restore it from a backup")
	}
	return data, nil
}

// finish writes the manifest and its signature.
func (p *packer) finish(key ed25519.PrivateKey) error {
	slices.SortFunc(p.m.Files, func(a, b PackFile) int { return strings.Compare(a.Name, b.Name) })
	data, err := json.MarshalIndent(p.m, "", "  ")
	if err != nil {
		return err
	}
	w, err := p.zip.CreateHeader(&zip.FileHeader{Name: "manifest.json", Method: zip.Deflate, Modified: p.m.Made})
	if err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		return err
	}
	if err := p.zip.SetComment(strings.Repeat("-", sealSize)); err != nil {
		return err
	}
	if err := p.zip.Close(); err != nil {
		return err
	}
	return p.out.seal(key)
}

// sealSize is the length of the comment: the form, a space, a signature in hex.
const sealSize = len(PackFormat) + 1 + 2*ed25519.SignatureSize

// sealed writes a file whose last sealSize bytes are replaced by the signature
// of all before.
type sealed struct {
	w    io.Writer
	hash hash.Hash
	held []byte
}

func (s *sealed) Write(p []byte) (int, error) {
	s.held = append(s.held, p...)
	if n := len(s.held) - sealSize; n > 0 {
		s.hash.Write(s.held[:n])
		if _, err := s.w.Write(s.held[:n]); err != nil {
			return 0, err
		}
		s.held = append(s.held[:0], s.held[n:]...)
	}
	return len(p), nil
}

func (s *sealed) seal(key ed25519.PrivateKey) error {
	sig, err := key.Sign(nil, s.hash.Sum(nil), crypto.SHA512)
	if err != nil {
		return err
	}
	_, err = s.w.Write([]byte(PackFormat + " " + hex.EncodeToString(sig)))
	return err
}

// signed reports whether the end of a file is the signature of what is before
// it. The text is compared as a whole, so that no byte of it may differ.
func signed(r io.ReaderAt, size int64, key ed25519.PublicKey) (bool, error) {
	if size < int64(sealSize) {
		return false, nil
	}
	end := make([]byte, sealSize)
	if _, err := r.ReadAt(end, size-int64(sealSize)); err != nil {
		return false, err
	}
	h := sha512.New()
	if _, err := io.Copy(h, io.NewSectionReader(r, 0, size-int64(sealSize))); err != nil {
		return false, err
	}
	text, ok := strings.CutPrefix(string(end), PackFormat+" ")
	sig, err := hex.DecodeString(text)
	if !ok || err != nil || hex.EncodeToString(sig) != text {
		return false, nil
	}
	return ed25519.VerifyWithOptions(key, h.Sum(nil), sig, &ed25519.Options{Hash: crypto.SHA512}) == nil, nil
}

const (
	maxPackFile  = 256 << 20 // bytes of one file of a pack
	maxPackFiles = 1_000_000
)

// PackReport says what was found in an evidence pack.
type PackReport struct {
	Manifest
	Fingerprint string   `json:"fingerprint"` // of the key it is signed with
	Runs        int      `json:"runs"`
	Problems    []string `json:"problems"`
}

// VerifyPack checks an evidence pack by itself: the signature, that every file
// is the one the manifest names and none is missing or added, that the runs of
// each claim form an unbroken chain, and that each question, answer and attached
// file is the one that is named. Whether the key is the right one only its fingerprint
// tells.
func VerifyPack(r io.ReaderAt, size int64) (*PackReport, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fault.New(fault.Invalid, "this is not an evidence pack: %v", err).Coded("claim.pack-unread")
	}
	if len(z.File) > maxPackFiles {
		return nil, fault.New(fault.TooLarge, "the pack holds %d files; at most %d are read", len(z.File), maxPackFiles).Coded("claim.pack-many")
	}
	v := &packVerifier{files: map[string]*zip.File{}, digests: map[string]string{}, report: &PackReport{Problems: []string{}}}
	for _, f := range z.File {
		if v.files[f.Name] != nil {
			v.problem("%s is there twice", f.Name)
		}
		v.files[f.Name] = f
	}
	key, err := v.manifest()
	if err != nil {
		return nil, err
	}
	whole, err := signed(r, size, key)
	if err != nil {
		return nil, err
	}
	if !whole {
		v.problem("the signature does not fit: the file was changed after it was signed")
	}
	v.named()
	for _, c := range v.report.Claims {
		v.claim(c)
	}
	return v.report, nil
}

type packVerifier struct {
	files   map[string]*zip.File
	digests map[string]string // of the files the manifest names, as they are
	report  *PackReport
}

func (v *packVerifier) problem(format string, args ...any) {
	v.report.Problems = append(v.report.Problems, fmt.Sprintf(format, args...))
}

func (v *packVerifier) read(name string) ([]byte, error) {
	f := v.files[name]
	if f == nil {
		return nil, fmt.Errorf("%s is missing", name)
	}
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxPackFile+1))
	if err == nil && len(data) > maxPackFile {
		err = errors.New("is too large")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return data, nil
}

// manifest reads what the pack says of itself, and returns its key.
func (v *packVerifier) manifest() (ed25519.PublicKey, error) {
	data, err := v.read("manifest.json")
	if err != nil {
		return nil, fault.New(fault.Invalid, "this is not an evidence pack: %v", err).Coded("claim.pack-unread")
	}
	if err := json.Unmarshal(data, &v.report.Manifest); err != nil {
		return nil, fault.New(fault.Invalid, "the manifest cannot be read: %v", err).Coded("claim.manifest")
	}
	if v.report.Format != PackFormat {
		return nil, fault.New(fault.Invalid, "the pack is of the form %q; this program reads %s", v.report.Format, PackFormat).Coded("claim.pack-form")
	}
	key, err := base64.StdEncoding.DecodeString(v.report.Key)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, fault.New(fault.Invalid, "the manifest names no usable key").Coded("claim.pack-key")
	}
	v.report.Fingerprint = Fingerprint(key)
	return key, nil
}

// named checks the files against those the manifest names.
func (v *packVerifier) named() {
	named := map[string]bool{"manifest.json": true}
	for _, f := range v.report.Files {
		named[f.Name] = true
		data, err := v.read(f.Name)
		if err != nil {
			v.problem("%v", err)
			continue
		}
		if v.digests[f.Name] = digest(data); v.digests[f.Name] != f.SHA256 {
			v.problem("%s was changed", f.Name)
		}
		if hash, ok := strings.CutPrefix(f.Name, "attachments/"); ok && hash != v.digests[f.Name] {
			v.problem("%s is not the file that was attached", f.Name)
		}
	}
	for _, name := range sortedKeys(v.files) {
		if !named[name] {
			v.problem("%s was added", name)
		}
	}
}

// claim checks the chain of one claim.
func (v *packVerifier) claim(c PackClaim) {
	data, err := v.read("claims/" + c.UID + "/runs.jsonl")
	if err != nil {
		return // named has said so
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	seq, prev, n := c.First, c.Before, 0
	for lines.Scan() {
		var r Run
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			v.problem("%s: run %d cannot be read: %v", c.Ref, n+1, err)
			return
		}
		for _, what := range r.faults(seq, prev) {
			v.problem("%s: run %d %s", c.Ref, r.Seq, what)
		}
		for _, hash := range []string{r.Query, r.Result} {
			if v.digests["documents/"+hash] != hash {
				v.problem("%s: run %d: the document %s is missing or was changed", c.Ref, r.Seq, hash)
			}
		}
		seq, prev, n = r.Seq+1, r.Hash, n+1
	}
	if lines.Err() != nil || n != c.Runs {
		v.problem("%s: the pack should hold %d runs and holds %d", c.Ref, c.Runs, n)
	}
	v.report.Runs += n
}
