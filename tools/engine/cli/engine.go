//go:build parts

// Package engine names the program that is built here: the Pulumi command line.
package engine

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
