package main

import (
	"fmt"
	"log/slog"
	"net"
	"strings"

	"userorder/database"
	"userorder/httpapi"
	"userorder/telemetry"
)

// logStart logs in one line what the service runs with. No value in it is a secret.
func logStart(log *slog.Logger, cfg Config, s *service, ops *telemetry.Ops, tracing *telemetry.Tracing) {
	var databases, ages []string
	for _, url := range cfg.databaseURLs() {
		databases = append(databases, fmt.Sprintf("%s (%s)", database.Redact(url), cfg.labelOf(url)))
		ages = append(ages, s.ageOf(cfg.modulesOn(url)[0]))
	}
	for _, misspelled := range cfg.Misspelled {
		log.Warn("this variable is not a setting", "variable", misspelled.Name, "meant", misspelled.Meant)
	}
	if !cfg.serves(accountsModule) && !cfg.WatchAccounts {
		log.Warn("USER_DATABASE_URL is not set: tokens of ended sessions are good here until they expire")
	}
	log.Info("starting", "version", telemetry.ReadBuild().Version,
		"database", strings.Join(ages, ", "), "databases", strings.Join(databases, ", "), "secret", s.secretSource,
		"limits", onOff(cfg.Limits != Limits{}), "ops", ops.String(), "traces", onOff(tracing != nil))
}

// logListening says where the service and its pages are.
func logListening(log *slog.Logger, cfg Config, l listeners) {
	attrs := []any{"address", l.service.Addr().String()}
	if l.plain != nil {
		attrs = append(attrs, "http", l.plain.Addr().String())
	}
	attrs = append(attrs, "modules", strings.Join(cfg.Modules, ","))
	if pages := pagesURL(cfg, l.service.Addr()); pages != "" {
		attrs = append(attrs, "docs", pages+"/docs")
		if cfg.Console {
			attrs = append(attrs, "console", pages+"/console")
		}
	}
	log.Info("listening", attrs...)
}

// pagesURL returns where a browser on this machine finds the service, or "" if it cannot.
func pagesURL(cfg Config, address net.Addr) string {
	switch {
	case address.Network() == "unix":
		return ""
	case len(cfg.Listen.TLS.Domains) > 0:
		return "https://" + httpapi.HostWithPort(cfg.Listen.TLS.Domains[0], publicPort(cfg.PublicURL, address))
	case cfg.Listen.TLS.On():
		return "https://" + reachable(address.String())
	}
	return "http://" + reachable(address.String())
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
