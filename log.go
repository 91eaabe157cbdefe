package main

import (
	"fmt"
	"log/slog"
	"strings"

	"userorder/database"
	"userorder/telemetry"
)

// logStart logs in one line what the service runs with. No value in it is a secret.
func logStart(log *slog.Logger, cfg Config, secretSource string, ops *telemetry.Ops, tracing *telemetry.Tracing) {
	var databases []string
	for _, url := range cfg.databaseURLs() {
		databases = append(databases, fmt.Sprintf("%s (%s)", database.Redact(url), cfg.labelOf(url)))
	}
	for _, misspelled := range cfg.Misspelled {
		log.Warn("this variable is not a setting", "variable", misspelled.Name, "meant", misspelled.Meant)
	}
	log.Info("starting", "version", telemetry.ReadBuild().Version, "databases", strings.Join(databases, ", "),
		"secret", secretSource, "limits", onOff(cfg.Limits != Limits{}), "ops", ops.String(), "traces", onOff(tracing != nil))
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
