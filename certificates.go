package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io/fs"
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
	if mode := keyMode(path); mode != 0 {
		log.Warn("the private key can be read or changed by others: chmod 640 closes it", "path", path, "mode", mode.String())
	}
}

// keyMode returns the mode of the file of a private key if others than its owner and its group can read it, or others than
// its owner can change it, else 0.
func keyMode(path string) fs.FileMode { return modeWith(path, 0o027) }

// certificateJobs returns the job that keeps certificates fresh.
func certificateJobs(c certificates) []worker.Job {
	if c == nil {
		return nil
	}
	return []worker.Job{{Name: "certificate", Every: 10 * time.Second, Do: func(ctx context.Context) (bool, error) {
		return false, c.Refresh(ctx)
	}}}
}
