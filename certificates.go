package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"time"

	"userorder/certificate"
	"userorder/settings"
	"userorder/worker"
)

// certificates are those of a service over TLS.
type certificates interface {
	Config() *tls.Config
	Refresh(ctx context.Context) error // loads or obtains what is new or missing
}

// openCertificates returns nil without TLS. Its error wraps settings.ErrInvalid if the files of a certificate cannot be used.
func openCertificates(cfg TLS, log *slog.Logger) (certificates, error) {
	switch {
	case cfg.CertFile != "":
		warnOfKey(cfg.KeyFile, log)
		files, err := certificate.OpenFiles(cfg.CertFile, cfg.KeyFile, log)
		if err != nil {
			return nil, fmt.Errorf("%w:\nTLS_CERT_FILE and TLS_KEY_FILE cannot be used: %w", settings.ErrInvalid, err)
		}
		return files, nil
	case len(cfg.Domains) > 0:
		return certificate.NewACME(cfg.Domains, cfg.Directory, cfg.Folder, log)
	}
	return nil, nil //nolint:nilnil // none is what was asked for
}

// warnOfKey warns of a private key that other users can read.
func warnOfKey(path string, log *slog.Logger) {
	if mode := fileMode(path); mode != 0 {
		log.Warn("the private key can be read by others: chmod 640 closes it", "path", path, "mode", mode.String())
	}
}

// certificateJobs returns the job that keeps certificates fresh.
func certificateJobs(cfg TLS, c certificates) []worker.Job {
	if c == nil {
		return nil
	}
	every := 10 * time.Second
	if len(cfg.Domains) > 0 {
		every = time.Minute
	}
	return []worker.Job{{Name: "certificate", Every: every, Do: func(ctx context.Context) (bool, error) {
		return false, c.Refresh(ctx)
	}}}
}
