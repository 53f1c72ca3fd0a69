// CoreDNS with the two plugins that a node needs: names of Services, and errors.
package main

import (
	"log"
	"os"

	"github.com/coredns/caddy"
	_ "github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
)

func main() {
	corefile := os.Args[1]
	contents, err := os.ReadFile(corefile)
	if err != nil {
		log.Fatal(err)
	}
	server, err := caddy.Start(caddy.CaddyfileInput{Contents: contents, Filepath: corefile, ServerTypeName: "dns"})
	if err != nil {
		log.Fatal(err)
	}
	server.Wait()
}
