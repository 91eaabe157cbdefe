package main

import (
	"context"
	"strings"

	"userorder/doctor"
	"userorder/settings"
)

// checkSettings tells what is invalid, and which variables may be misspelled.
func checkSettings(invalid error) check {
	return func(_ context.Context, cfg Config) (found []doctor.Finding) {
		if invalid != nil {
			_, faults, _ := strings.Cut(invalid.Error(), settings.ErrInvalid.Error()+":\n")
			for fault := range strings.Lines(faults) {
				found = append(found, doctor.Fail("correct it: the other checks wait for that, and userorder help lists all settings",
					"%s", strings.TrimSuffix(strings.TrimSpace(fault), ".")))
			}
		}
		for _, misspelled := range cfg.Misspelled {
			found = append(found, doctor.Warn("rename or unset it", "%s is not a setting: %s may be meant", misspelled.Name, misspelled.Meant))
		}
		if found == nil {
			found = append(found, doctor.Well("all valid"))
		}
		return found
	}
}
