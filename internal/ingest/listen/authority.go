package listen

import (
	"crypto/x509"
	"errors"
	"os"
)

// authority reads the certificates that senders' certificates are checked with.
func authority(file string) (*x509.CertPool, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, errors.New("there is no certificate in it")
	}
	return pool, nil
}
