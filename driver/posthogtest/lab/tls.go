package lab

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"time"
)

// Authority is a certificate authority of the laboratory's own.
type Authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewAuthority makes one with a fresh key.
func NewAuthority() (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	a := &Authority{key: key}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "fault laboratory"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	if a.cert, err = sign(template, template, key, key); err != nil {
		return nil, err
	}
	return a, nil
}

// Pool trusts the authority and nobody else.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// Certificate describes a server's certificate. The zero value is a good one
// for 127.0.0.1.
type Certificate struct {
	Host       string        // instead of 127.0.0.1
	Expired    time.Duration // that long ago
	SelfSigned bool          // not by the authority
}

// Config gives a server's configuration with such a certificate. The protocols
// are offered by ALPN.
func (a *Authority) Config(c Certificate, protocols ...string) (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "posthog"},
		NotBefore: time.Now().Add(-time.Hour - c.Expired), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if c.Host != "" {
		template.IPAddresses, template.DNSNames = nil, []string{c.Host}
	}
	if c.Expired > 0 {
		template.NotAfter = time.Now().Add(-c.Expired)
	}
	parent, signer := a.cert, a.key
	if c.SelfSigned {
		parent, signer = template, key
	}
	leaf, err := sign(template, parent, key, signer)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: protocols,
		Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}},
	}, nil
}

func sign(template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	return x509.ParseCertificate(der)
}
