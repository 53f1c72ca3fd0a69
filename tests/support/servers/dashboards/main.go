// Reads a dashboard from standard input, as strictly as the schema that Grafana publishes allows, and says what is wrong.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func wrong(text []byte) string {
	var read dashboard.Dashboard
	// What is good comes back as a list of no errors, which is no nil.
	if err := read.UnmarshalJSONStrict(text); err != nil && err.Error() != "" {
		return err.Error()
	}
	if err := read.Validate(); err != nil {
		return err.Error()
	}
	return ""
}

func main() {
	plugins.RegisterDefaultPlugins()
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if found := wrong(text); found != "" {
		fmt.Fprintln(os.Stderr, found)
		os.Exit(1)
	}
}
