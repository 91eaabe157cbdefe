//go:build unix

package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheDebianPackageIsInstalledUpgradedAndRemoved runs dpkg in a copy of this machine that is thrown away. systemd does
// not run in it, so the test starts the program as the unit would.
func TestTheDebianPackageIsInstalledUpgradedAndRemoved(t *testing.T) {
	slow(t)
	t.Parallel()
	if root := os.Getenv("DEBIAN_ROOT"); root != "" { // in the copy
		d := debian{t, filepath.Join(root, "all")}
		d.installed()
		d.upgraded()
		d.removed()
		return
	}
	for _, tool := range []string{"dpkg", "unshare", "chroot", "adduser"} {
		_, err := exec.LookPath(tool)
		need(t, tool, err)
	}
	if os.Geteuid() != 0 {
		need(t, "root", errors.ErrUnsupported)
	}
	first, second, root := needRelease(t), filepath.Join(t.TempDir(), "second"), t.TempDir()
	require.NoError(t, inRepository(first, "git", "worktree", "add", "-q", second, "v1.2.3"))
	require.NoError(t, inRepository(second, "make", "release", "VERSION=v1.2.4", "PLATFORMS="+here))
	command := exec.Command("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "debian.sh", root,
		os.Args[0], "-test.v", "-test.timeout", "3m", "-test.run", "^"+t.Name()+"$")
	command.Env = append(os.Environ(), "DEBIAN_ROOT="+root, "DEBIAN_FIRST="+first, "DEBIAN_SECOND="+second)
	out, err := command.CombinedOutput()
	if command.ProcessState.ExitCode() == 77 {
		need(t, "the right to mount", errors.New(strings.TrimSpace(string(out))))
	}
	require.NoError(t, err, string(out))
}

// debian is a copy of this machine in a folder.
type debian struct {
	*testing.T
	root string
}

// run runs a command in the copy and returns what it prints.
func (d debian) run(args ...string) string {
	d.Helper()
	command := exec.Command("chroot", append([]string{d.root}, args...)...)
	command.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8"}
	out, err := command.CombinedOutput()
	require.NoError(d, err, "%s: %s", args, out)
	return string(out)
}

// install installs the package of a release.
func (d debian) install(folder, version string) {
	d.Helper()
	name := "userorder_" + version + "_" + runtime.GOARCH + ".deb"
	content, err := os.ReadFile(filepath.Join(folder, "dist", name))
	require.NoError(d, err)
	require.NoError(d, os.WriteFile(filepath.Join(d.root, name), content, 0o600))
	d.run("dpkg", "--no-triggers", "--install", "/"+name) // those of others, such as of man-db, take long
}

const settingsFile = "/etc/userorder.env"

// serve starts the program with the user and the settings of the unit and returns its base URL.
func (d debian) serve() (p *program, base string) {
	d.Helper()
	p = launch(d.T, "/", exec.Command("chroot", "--userspec=userorder:userorder", d.root, "env", "-i", "sh", "-c",
		"set -a; . "+settingsFile+"; exec /usr/bin/userorder"))
	base = p.url(d.T)
	d.run("sh", "-c", "set -a; . "+settingsFile+"; userorder healthcheck")
	return p, base
}

func (d debian) installed() {
	d.Helper()
	d.install(os.Getenv("DEBIAN_FIRST"), "1.2.3")
	require.Contains(d, d.run("userorder", "version"), "userorder v1.2.3\n")
	require.Equal(d, "/var/lib/userorder:/usr/sbin/nologin\n", d.run("sh", "-c", "getent passwd userorder | cut -d : -f 6-"))
	require.Equal(d, "640 root:userorder\n700 userorder:userorder\n",
		d.run("stat", "--format", "%a %U:%G", settingsFile, "/var/lib/userorder"))
	d.run("test", "-L", "/etc/systemd/system/multi-user.target.wants/userorder.service") // it starts with the machine
	unit := d.run("cat", "/usr/lib/systemd/system/userorder.service")
	require.Contains(d, unit, "\nUser=userorder\n")
	require.Contains(d, unit, "\nEnvironmentFile=-"+settingsFile+"\n")
	if _, err := exec.LookPath("systemd-analyze"); err == nil {
		require.Empty(d, d.run("systemd-analyze", "verify", "/usr/lib/systemd/system/userorder.service"))
	}
	d.run("sh", "-c", fmt.Sprintf("printf 'PORT=%d\\nDRAIN_DELAY=0s\\n' >>%s", freePort(d.T), settingsFile))
	p, base := d.serve()
	token := login(d.T, base)
	require.True(d, create(base, token, "kept").ok())
	d.run("runuser", "-u", "userorder", "--", "sh", "-c", "set -a; . "+settingsFile+"; userorder grant test")
	p.stop(d.T)
	require.Equal(d, "600 userorder:userorder\n", d.run("stat", "--format", "%a %U:%G", "/var/lib/userorder/jwt_secret"))
}

func (d debian) upgraded() {
	d.Helper()
	before := d.run("cat", settingsFile)
	d.install(os.Getenv("DEBIAN_SECOND"), "1.2.4")
	require.Contains(d, d.run("userorder", "version"), "userorder v1.2.4\n")
	require.Equal(d, before, d.run("cat", settingsFile))
	require.Equal(d, "640 root:userorder\n", d.run("stat", "--format", "%a %U:%G", settingsFile))
	d.requireOrder()
}

// requireOrder requires that the program has the order of the first installation.
func (d debian) requireOrder() {
	d.Helper()
	p, base := d.serve()
	require.Equal(d, "kept", send("GET", base+"/order/query/1", login(d.T, base), "").Data.Product)
	p.stop(d.T)
}

func (d debian) removed() {
	d.Helper()
	d.run("dpkg", "--no-triggers", "--remove", "userorder")
	d.run("sh", "-c", "! test -e /usr/bin/userorder && test -e /var/lib/userorder/app.db && test -e "+settingsFile)
	d.install(os.Getenv("DEBIAN_SECOND"), "1.2.4")
	d.requireOrder()
	require.Contains(d, d.run("dpkg", "--no-triggers", "--purge", "userorder"), "The data stay in /var/lib/userorder")
	d.run("sh", "-c", "! test -e "+settingsFile+" && test -e /var/lib/userorder/app.db && getent passwd userorder")
	d.run("sh", "-c", "! test -L /etc/systemd/system/multi-user.target.wants/userorder.service")
}
