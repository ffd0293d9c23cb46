package listen

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/ingest"
)

const (
	usualConnections = 1000
	usualIdle        = 24 * time.Hour // a sender that says nothing loses its next message when it is cut off
	midMessage       = time.Minute    // for the rest of a message that has begun
	handshake        = 10 * time.Second
	streamBuffer     = 16 << 10 // of each connection
)

// stream listens for connections that carry messages. A connection is not read
// while nothing is taken, so that its sender waits.
type stream struct {
	*collector
	protocol
	listener net.Listener
	tls      *tls.Config
	most     int
	idle     time.Duration

	mu    sync.Mutex
	conns map[net.Conn]netip.Addr
}

func openStream(c *collector) (worker, error) {
	s := &stream{collector: c, protocol: protocolOf(c.Scheme), conns: map[net.Conn]netip.Addr{}}
	var err error
	if s.most, err = c.number("connections", usualConnections); err != nil {
		return nil, err
	}
	if s.idle, err = c.duration("idle", usualIdle); err != nil {
		return nil, err
	}
	if strings.HasSuffix(c.Scheme, "+tls") {
		if s.tls, err = c.secured(); err != nil {
			return nil, err
		}
	}
	return s, s.listen()
}

func (s *stream) listen() (err error) {
	if s.listener, err = net.Listen("tcp", s.Place); err != nil {
		s.listener = nil
		return s.busy(err)
	}
	s.runs(s.listener.Addr().String())
	return nil
}

func (s *stream) close() {
	if s.listener != nil {
		s.listener.Close()
	}
}

func (s *stream) run(ctx context.Context) error {
	if s.listener == nil {
		if err := s.listen(); err != nil {
			return err
		}
	}
	var under sync.WaitGroup
	defer under.Wait()
	listener := s.listener
	defer func() { s.listener = nil }()
	defer listener.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { listener.Close() })()
	for {
		conn, err := listener.Accept()
		if err != nil {
			if temporary(err) && sleep(ctx, firstWait) {
				continue
			}
			return err
		}
		if !s.admit(conn) {
			conn.Close()
			continue
		}
		under.Go(func() { s.serve(ctx, conn) })
	}
}

// temporary reports an error of Accept after which it works again: a connection that was
// gone already, or no free file descriptors.
func temporary(err error) bool { return !errors.Is(err, net.ErrClosed) }

// admit lets a connection in when there is room: of one address a quarter at most,
// so that none keeps the others out.
func (s *stream) admit(conn net.Conn) bool {
	addr := addrOf(conn).Addr()
	s.mu.Lock()
	defer s.mu.Unlock()
	same := 0
	for _, a := range s.conns {
		if a == addr {
			same++
		}
	}
	switch {
	case len(s.conns) >= s.most:
		s.broke(fault.New(fault.RateLimited, "there are %d connections, and %s was refused", len(s.conns), addr).WithHint("raise connections="))
		return false
	case same >= max(1, s.most/4) && same >= 4:
		s.broke(fault.New(fault.RateLimited, "%s has %d connections, a quarter of all, and was refused one more", addr, same).WithHint("look why it opens so many, or raise connections="))
		return false
	}
	s.conns[conn] = addr
	s.open(1)
	return true
}

func addrOf(conn net.Conn) netip.AddrPort {
	if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		p := a.AddrPort()
		return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
	}
	return netip.AddrPort{}
}

func (s *stream) serve(ctx context.Context, conn net.Conn) {
	peer, plain := addrOf(conn), conn
	defer func() {
		plain.Close()
		s.mu.Lock()
		delete(s.conns, plain)
		s.mu.Unlock()
		s.open(-1)
	}()
	defer context.AfterFunc(ctx, func() { plain.SetReadDeadline(time.Now()) })()
	err := s.guarded(peer.String(), func() error { return s.talk(ctx, conn, peer) })
	if err != nil && !errors.Is(err, io.EOF) && ctx.Err() == nil {
		s.broke(fault.New(fault.Invalid, "the connection of %s broke off: %v", peer, err))
	}
}

// talk reads what a connection brings.
func (s *stream) talk(ctx context.Context, conn net.Conn, peer netip.AddrPort) error {
	plain := conn
	var fields []ingest.Field
	if s.tls != nil {
		var err error
		if conn, fields, err = s.secure(ctx, conn); err != nil {
			s.broke(fault.New(fault.Invalid, "the TLS of %s failed: %v", peer, err))
			return nil
		}
	}
	return s.read(ctx, conn, func(d time.Duration) {
		plain.SetReadDeadline(time.Now().Add(d))
		if ctx.Err() != nil { // it ended meanwhile, and its deadline must stand
			plain.SetReadDeadline(time.Now())
		}
	}, peer, fields)
}

// secure shakes hands; the fields say who the sender's certificate is for.
func (s *stream) secure(ctx context.Context, conn net.Conn) (net.Conn, []ingest.Field, error) {
	t := tls.Server(conn, s.tls)
	ctx, cancel := context.WithTimeout(ctx, handshake)
	defer cancel()
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, nil, err
	}
	certs := t.ConnectionState().PeerCertificates
	if len(certs) == 0 || certs[0].Subject.CommonName == "" {
		return t, nil, nil
	}
	return t, []ingest.Field{{Name: FieldClient, Value: certs[0].Subject.CommonName}}, nil
}

// FieldClient is the common name of the certificate that a sender showed.
const FieldClient = "tls.client.x509.subject.common_name"

// read hands the messages of a connection over until it ends. Messages that came
// together are handed over together; none waits for one that is not there yet.
func (s *stream) read(ctx context.Context, conn io.Reader, within func(time.Duration), peer netip.AddrPort, fields []ingest.Field) error {
	r := bufio.NewReaderSize(conn, streamBuffer)
	var records sorted
	flush := func() error {
		return records.each(func(source string, list []ingest.Record) error { return s.takeFor(ctx, source, list) })
	}
	for {
		buffered, _ := r.Peek(r.Buffered())
		if records.full() || records.n > 0 && !s.complete(buffered) {
			if err := flush(); err != nil {
				return err
			}
		}
		if !s.complete(buffered) {
			if len(buffered) == 0 {
				within(s.idle)
				if _, err := r.Peek(1); err != nil {
					return err
				}
			}
			within(midMessage)
		}
		message, cut, err := s.next(r)
		if err != nil {
			return errors.Join(err, flush())
		}
		if len(message) == 0 || len(message) == 1 && message[0] == '\r' {
			continue
		}
		record, source, err := s.protocol.read(s.collector, message, peer)
		if err != nil {
			record, source = s.unread(message, peer, err)
		}
		record.Sure = fields
		if cut {
			record.Fields = append(record.Fields, ingest.Field{Name: FieldFlags, Value: "truncated"})
		}
		records.add(source, record)
	}
}

// secured returns the settings of TLS: the certificate, read anew when its file
// changes, and with ca= that senders must show one of that authority.
func (s Spec) secured() (*tls.Config, error) {
	p := &pair{cert: s.Params.Get("cert"), key: s.Params.Get("key")}
	if _, err := p.get(nil); err != nil {
		return nil, s.wrong("the certificate cannot be used: %v", err).WithHint("name PEM files that binnacle may read, as cert=/etc/binnacle/cert.pem&key=/etc/binnacle/key.pem")
	}
	// A ticket is sent behind the handshake. A sender that hangs up without having
	// read it resets the connection, and what it said before may be lost with it.
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: p.get, SessionTicketsDisabled: true}
	if ca := s.Params.Get("ca"); ca != "" {
		pool, err := authority(ca)
		if err != nil {
			return nil, s.wrong("ca=%s cannot be used: %v", ca, err).WithHint("name a PEM file with the certificate of the authority that signs the senders' certificates")
		}
		cfg.ClientAuth, cfg.ClientCAs = tls.RequireAndVerifyClientCert, pool
	}
	return cfg, nil
}

// pair is a certificate and its key in files.
type pair struct {
	cert, key string

	mu     sync.Mutex
	read   time.Time // when its file was written
	loaded *tls.Certificate
}

// get returns the certificate, of the file as it is now. A file that cannot be read
// leaves the one before.
func (p *pair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	info, err := os.Stat(p.cert)
	if p.loaded != nil && (err != nil || info.ModTime().Equal(p.read)) {
		return p.loaded, nil
	}
	if err != nil {
		return nil, err
	}
	cert, err := tls.LoadX509KeyPair(p.cert, p.key)
	if err != nil {
		if p.loaded != nil {
			return p.loaded, nil
		}
		return nil, err
	}
	p.loaded, p.read = &cert, info.ModTime()
	return p.loaded, nil
}
