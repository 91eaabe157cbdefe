package report

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Machine describes the machine and the software that were measured.
type Machine struct {
	CPU             string
	Cores           int
	Memory          string
	Kernel          string
	Filesystem      string // type, of the databases' folder
	Go              string
	Postgres, Flask string // versions; empty if skipped
	PocketBase      string // version; empty if skipped
	Commit          string
	Before          string   // commit of the release before; empty if skipped
	Workers         []string // the rate of each kind of gunicorn worker
	Skipped         []string // contenders that are not installed
}

// ThisMachine describes this machine and the filesystem of folder. What it cannot read is "unknown".
func ThisMachine(folder string) Machine {
	m := Machine{Cores: runtime.NumCPU(), Go: runtime.Version(), Kernel: kernel()}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		m.CPU = field(string(text), "model name")
	}
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		m.Memory = gigabytes(field(string(text), "MemTotal"))
	}
	if text, err := os.ReadFile("/proc/self/mountinfo"); err == nil {
		m.Filesystem = filesystem(string(text), folder)
	}
	return m
}

// field returns the value of the first line "name: value", or "unknown".
func field(text, name string) string {
	for line := range strings.Lines(text) {
		if key, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// gigabytes converts a size such as "1024 kB" to GiB.
func gigabytes(size string) string {
	kilobytes, err := strconv.ParseFloat(strings.TrimSuffix(size, " kB"), 64)
	if err != nil {
		return size
	}
	return strconv.FormatFloat(kilobytes/(1<<20), 'f', 1, 64) + " GiB"
}

// filesystem returns the type of the filesystem that contains folder; proc_pid_mountinfo(5) describes the format.
func filesystem(mountinfo, folder string) string {
	folder = filepath.Clean(folder)
	kind, longest := "unknown", -1
	for line := range strings.Lines(mountinfo) {
		mount, rest, found := strings.Cut(line, " - ")
		fields, kinds := strings.Fields(mount), strings.Fields(rest)
		const point = 4
		if !found || len(fields) <= point || len(kinds) == 0 {
			continue
		}
		at := strings.TrimSuffix(fields[point], "/") + "/"
		if strings.HasPrefix(folder+"/", at) && len(at) >= longest {
			kind, longest = kinds[0], len(at)
		}
	}
	return kind
}

func kernel() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(name.Sysname[:]) + " " + unix.ByteSliceToString(name.Release[:])
}
