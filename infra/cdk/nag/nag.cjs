// Checks templates by the rules AwsSolutions of cdk-nag and prints what they find, as JSON: [{stack, resource, rule}].
//
//	NODE_PATH=.../node_modules node nag.cjs OUTDIR STACK.template.json...
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { App, LegacyStackSynthesizer, Stack, Validations } = require('aws-cdk-lib');
const { CfnInclude } = require('aws-cdk-lib/cloudformation-include');
const { AwsSolutionsChecks } = require('cdk-nag');

const [outdir, ...templates] = process.argv.slice(2);
const app = new App({ outdir, analyticsReporting: false });
Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
for (const templateFile of templates) {
  // The synthesiser adds nothing to a template, so that what is checked is what is deployed.
  const stack = new Stack(app, path.basename(templateFile, '.template.json'), { synthesizer: new LegacyStackSynthesizer() });
  new CfnInclude(stack, 'Template', { templateFile, preserveLogicalIds: true });
}
try {
  app.synth();
} catch (failure) { // findings are judged by who asked
  if (!String(failure.message).startsWith('Validation failed.')) throw failure;
}

const found = [];
const report = JSON.parse(fs.readFileSync(path.join(outdir, 'validation-report.json'), 'utf8'));
for (const plugin of report.pluginReports) {
  for (const violation of plugin.violations) {
    for (const where of violation.violatingConstructs) {
      const [stack, , resource] = where.constructPath.split('/');
      found.push({ stack, resource, rule: violation.ruleName });
    }
  }
}
process.stdout.write(JSON.stringify(found));
