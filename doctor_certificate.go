package main

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/url"
	"time"

	"userorder/certificate"
	"userorder/doctor"
)

// checkCertificate looks at the certificates of a service that speaks HTTPS by itself.
func checkCertificate(ctx context.Context, cfg Config) (found []doctor.Finding) {
	files := cfg.Listen.TLS
	switch {
	case files.CertFile != "":
		return judgeFiles(files, cfg.PublicURL)
	case len(files.Domains) == 0:
		return nil
	}
	for _, domain := range files.Domains {
		kept, err := certificate.Kept(ctx, domain, files.Directory, files.Folder)
		switch {
		case errors.Is(err, certificate.ErrNone):
			found = append(found, doctor.Warn("start the service; its log says why if it cannot be obtained", "%s has no certificate yet", domain))
		case err != nil:
			found = append(found, fault(err, "remove "+files.Folder+", and start the service again"))
		default:
			found = append(found, judgeCertificate(kept, "look into the log of the service, which renews it", domain))
		}
	}
	return found
}

// judgeFiles judges a certificate from files.
func judgeFiles(cfg TLS, public string) (found []doctor.Finding) {
	files, err := certificate.OpenFiles(cfg.CertFile, cfg.KeyFile, slog.New(slog.DiscardHandler))
	if err != nil {
		return []doctor.Finding{fault(err, "put a certificate and its key there")}
	}
	if mode := keyMode(cfg.KeyFile); mode != 0 {
		found = append(found, doctor.Warn("chmod 640 "+cfg.KeyFile, "other users can read or change %s: %s", cfg.KeyFile, mode))
	}
	if u, err := url.Parse(public); err == nil && u.Scheme == "https" {
		if err := files.Leaf().VerifyHostname(u.Hostname()); err != nil {
			found = append(found, doctor.Fail("get a certificate for that name, or correct PUBLIC_URL", "%s: %s", cfg.CertFile, err))
		}
	}
	return append(found, judgeCertificate(files.Leaf(), "renew it", cfg.CertFile))
}

// judgeCertificate judges how long a certificate is valid.
func judgeCertificate(leaf *x509.Certificate, remedy, name string) doctor.Finding {
	now := time.Now()
	if err := certificate.CheckValidity(leaf, now); err != nil {
		return doctor.Fail(remedy, "%s: %s", name, err)
	}
	if err := certificate.CheckRenewal(leaf, now); err != nil {
		return doctor.Warn(remedy, "%s: %s", name, err)
	}
	return doctor.Well("%s is valid until %s", name, leaf.NotAfter.UTC().Format(time.DateOnly))
}
