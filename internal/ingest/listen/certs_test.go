package listen

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc/credentials"
)

// certs are the files of an authority, of a server at 127.0.0.1 and of a client
// called web-1.
type certs struct {
	ca, cert, key, clientCert, clientKey string
	pool                                 *x509.CertPool
	client                               tls.Certificate
}

func newCerts(t testing.TB) *certs {
	t.Helper()
	dir := t.TempDir()
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	write := func(name, kind string, data []byte) string {
		path := filepath.Join(dir, name)
		must(os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o600))
		return path
	}
	serial := int64(0)
	make := func(name string, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey, string, string) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(err)
		serial++
		c := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true,
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost", name, name + ".example"}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
		if parent == nil {
			parent, parentKey = c, key
			c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign
		}
		der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, parentKey)
		must(err)
		raw, err := x509.MarshalPKCS8PrivateKey(key)
		must(err)
		made, err := x509.ParseCertificate(der)
		must(err)
		return made, key, write(name+".pem", "CERTIFICATE", der), write(name+"-key.pem", "PRIVATE KEY", raw)
	}
	c := &certs{pool: x509.NewCertPool()}
	ca, caKey, caFile, _ := make("ca", nil, nil)
	c.ca = caFile
	c.pool.AddCert(ca)
	_, _, c.cert, c.key = make("binnacle", ca, caKey)
	_, _, c.clientCert, c.clientKey = make("web-1", ca, caKey)
	var err error
	c.client, err = tls.LoadX509KeyPair(c.clientCert, c.clientKey)
	must(err)
	return c
}

func credentialsOf(c *certs) credentials.TransportCredentials {
	return credentials.NewTLS(&tls.Config{RootCAs: c.pool})
}

func TestSyslogOverTLS(t *testing.T) {
	f, c := newFake(), newCerts(t)
	r := collect(t, Config{Taker: f}, "syslog+tls://127.0.0.1:0?cert="+c.cert+"&key="+c.key, "syslog+tls://127.0.0.1:0?cert="+c.cert+"&key="+c.key+"&ca="+c.ca+"&source=mutual")
	for i, certificates := range [][]tls.Certificate{nil, {c.client}} {
		conn, err := tls.Dial("tcp", r.addr(i), &tls.Config{RootCAs: c.pool, Certificates: certificates})
		if err != nil {
			t.Fatal(err)
		}
		send(t, conn, "9 <13>hello<13>again\n")
		conn.Close()
	}
	for _, k := range f.wait(t, 4) {
		want := ""
		if k.source == "mutual" {
			want = "web-1"
		}
		if k.fields[FieldClient] != want || k.data != "hello" && k.data != "again" {
			t.Errorf("got %+v", k)
		}
	}
	conn, err := tls.Dial("tcp", r.addr(1), &tls.Config{RootCAs: c.pool}) // TLS 1.3: the refusal comes with the first read
	if err == nil {
		conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		_, err = conn.Read(make([]byte, 1))
		conn.Close()
	}
	if err == nil {
		t.Error("a sender without a certificate was let in")
	}
	eventually(t, func() string {
		if s := r.Status()[1]; s.Broken != 1 || s.Open != 0 {
			return "the refusal does not show"
		}
		return ""
	})
}

// TestCertificateIsReadAnew changes the files under a server that runs.
func TestCertificateIsReadAnew(t *testing.T) {
	c, other := newCerts(t), newCerts(t)
	p := &pair{cert: c.cert, key: c.key}
	first, err := p.get(nil)
	if err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{other.cert: c.cert, other.key: c.key} {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(to, time.Time{}, time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	second, err := p.get(nil)
	if err != nil || first == second {
		t.Errorf("the certificate stayed, %v", err)
	}
	if err := os.Remove(c.cert); err != nil {
		t.Fatal(err)
	}
	if third, err := p.get(nil); err != nil || third != second {
		t.Errorf("without its file, the one before goes on: %v", err)
	}
}

// TestShortTLS: a sender that says one thing and hangs up is heard. What it was sent
// behind the handshake, and has not read, would break the connection before it was.
func TestShortTLS(t *testing.T) {
	f, c := newFake(), newCerts(t)
	r := collect(t, Config{Taker: f}, "syslog+tls://127.0.0.1:0?cert="+c.cert+"&key="+c.key)
	plain, err := net.Dial("tcp", r.addr(0))
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	conn := tls.Client(&byRecord{Conn: plain}, &tls.Config{RootCAs: c.pool, ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(1)})
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	plain.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	if n, err := plain.Read(make([]byte, 1)); n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the server says more behind the handshake: %v", err)
	}
	send(t, conn, "<13>hello\n")
	plain.Close()
	f.wait(t, 1)
}

// byRecord reads one record of TLS after the other, as OpenSSL does.
type byRecord struct {
	net.Conn
	left int // of a record
}

func (c *byRecord) Read(b []byte) (int, error) {
	if c.left > 0 {
		n, err := c.Conn.Read(b[:min(len(b), c.left)])
		c.left -= n
		return n, err
	}
	n, err := io.ReadFull(c.Conn, b[:5])
	if err == nil {
		c.left = int(binary.BigEndian.Uint16(b[3:5]))
	}
	return n, err
}
