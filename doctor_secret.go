package main

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"userorder/auth"
	"userorder/database"
	"userorder/doctor"
	"userorder/settings"
)

// secretFile is a file that holds the value of a setting.
type secretFile struct{ setting, path string }

// secretFiles returns the files from which settings were read.
func secretFiles(s *settings.Reader) (files []secretFile) {
	for _, read := range s.Read() {
		if path, ok := strings.CutPrefix(read.Source, "file "); ok {
			files = append(files, secretFile{read.Name, path})
		}
	}
	return files
}

// checkSecret looks at the strength of the secrets of tokens, and at the modes of all files with secrets.
func checkSecret(_ context.Context, cfg Config) (found []doctor.Finding) {
	value, source := cfg.Secret, "settings"
	if len(value) == 0 {
		value, found = checkOwnSecret(cfg)
		source = "file " + cfg.SecretPath
	}
	found = append(found, judgeStrength("it", "use a random one: openssl rand -base64 32 makes it, and JWT_SECRET_PREVIOUS keeps everybody logged in", value)...)
	found = append(found, judgeStrength("JWT_SECRET_PREVIOUS", "unset it, which logs out those who have not refreshed since", cfg.PreviousSecret)...)
	for _, file := range cfg.SecretFiles {
		if file.setting == "JWT_SECRET" {
			source = "file " + file.path
		}
		if mode := auth.ExposedFile(file.path); mode&0o006 != 0 { // in a container the file may belong to a group
			found = append(found, doctor.Warn(closing(file.path), "all users can read or change %s: %s", file.path, mode))
		}
	}
	if found == nil {
		found = append(found, doctor.Well("%d bytes, from %s", len(value), source))
	}
	return found
}

// checkOwnSecret looks at the secret that the service keeps beside its SQLite file.
func checkOwnSecret(cfg Config) (value []byte, found []doctor.Finding) {
	path := cfg.SecretPath
	secret, err := auth.InspectSecret(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && database.RequireFile(cfg.databaseURLs()[0]) != nil:
		return nil, []doctor.Finding{doctor.Well("the first start makes one: %s", path)}
	case errors.Is(err, fs.ErrNotExist):
		return nil, []doctor.Finding{doctor.Warn("put it back, or set JWT_SECRET: the next start makes a new one, which logs everybody out", "there is no file %s", path)}
	case errors.Is(err, fs.ErrPermission):
		return nil, failed(err)
	case err != nil:
		fault, remedy, _ := strings.Cut(err.Error(), "; ")
		return nil, []doctor.Finding{doctor.Fail(cmp.Or(remedy, "let "+path+" be a file that can be read"), "%s", fault)}
	}
	if secret.ExposedFile != 0 {
		found = append(found, doctor.Fail(closing(path), "other users can read or change %s: %s", path, secret.ExposedFile))
	}
	if secret.Exposed != 0 {
		folder := filepath.Dir(path)
		found = append(found, doctor.Warn("chmod 700 "+folder, "other users can list or change the folder of the secret, %s: %s", folder, secret.Exposed))
	}
	return secret.Value, found
}

// closing is the remedy for a file with a secret that others can read.
func closing(path string) string {
	return "chmod 600 " + path + "; if somebody has read it, a new secret is due"
}

// fewCharacters is a number of different bytes that no random secret has.
const fewCharacters = 10

// judgeStrength judges a secret, which is called what. It may be empty: there is none.
func judgeStrength(what, remedy string, secret []byte) []doctor.Finding {
	different := map[byte]bool{}
	for _, char := range secret {
		different[char] = true
	}
	if len(secret) == 0 || len(different) >= fewCharacters {
		return nil
	}
	return []doctor.Finding{doctor.Warn(remedy, "%s has only %d different characters, so it may be guessed", what, len(different))}
}
