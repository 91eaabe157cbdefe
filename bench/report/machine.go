package report

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Machine is where it was measured, and what was.
type Machine struct {
	CPU             string
	Cores           int
	Memory          string
	Kernel          string
	Filesystem      string // of the databases
	Go              string
	Postgres, Flask string // versions; empty if it was skipped
	Commit          string
	Workers         []string // how fast each kind of Flask's workers was
	Skipped         []string
}

// ThisMachine describes this one. The filesystem is that of a folder.
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

// field returns what stands behind a name and a colon in the first line that has it.
func field(text, name string) string {
	for line := range strings.Lines(text) {
		if key, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// gigabytes makes a size in kB one that people read.
func gigabytes(size string) string {
	kilobytes, err := strconv.ParseFloat(strings.TrimSuffix(size, " kB"), 64)
	if err != nil {
		return size
	}
	return strconv.FormatFloat(kilobytes/(1<<20), 'f', 1, 64) + " GiB"
}

// filesystem finds the type of what is mounted nearest above a folder, in the form of proc_pid_mountinfo(5).
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
