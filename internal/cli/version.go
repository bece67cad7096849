package cli

import (
	"runtime"

	"ocgo-key/internal/version"
)

type versionCmd struct{}

func (*versionCmd) Help() string {
	return `Prints the version, the Go it was built with, and the system it is for.

Examples:
  ocgo-key version
  ocgo-key version --json`
}

func (*versionCmd) Run(a *app) error {
	v := version.String()
	if a.JSON {
		return a.printJSON(map[string]string{"version": v, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH})
	}
	return a.print("ocgo-key %s (%s, %s/%s)\n", v, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
