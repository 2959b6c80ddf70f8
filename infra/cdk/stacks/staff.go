package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscognito"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	"github.com/aws/jsii-runtime-go"

	"github.com/habeas-dsar/habeas/infra/stage"
)

// signInCallback is where an issuer returns people to: console.Callback.
const signInCallback = "/console/oidc/callback"

// buildStaff makes a user pool that is an OpenID Connect issuer and nothing more: who somebody is comes from it, what they may do
// from the staff record. Only administrators add people, and everybody has a second factor.
func (in *installation) buildStaff(stack awscdk.Stack) {
	pool := awscognito.NewCfnUserPool(stack, jsii.String("Pool"), &awscognito.CfnUserPoolProps{
		UserPoolName: jsii.String(in.Stage.Prefix()), UserPoolTier: jsii.String("ESSENTIALS"),
		UsernameAttributes: jsii.Strings("email"), AutoVerifiedAttributes: jsii.Strings("email"),
		MfaConfiguration: jsii.String("ON"), EnabledMfas: jsii.Strings("SOFTWARE_TOKEN_MFA"),
		AdminCreateUserConfig: &awscognito.CfnUserPool_AdminCreateUserConfigProperty{AllowAdminCreateUserOnly: jsii.Bool(true)},
		AccountRecoverySetting: &awscognito.CfnUserPool_AccountRecoverySettingProperty{RecoveryMechanisms: []any{
			&awscognito.CfnUserPool_RecoveryOptionProperty{Name: jsii.String("verified_email"), Priority: jsii.Number(1)},
		}},
		Policies: &awscognito.CfnUserPool_PoliciesProperty{PasswordPolicy: &awscognito.CfnUserPool_PasswordPolicyProperty{
			MinimumLength: jsii.Number(14), RequireLowercase: jsii.Bool(true), RequireUppercase: jsii.Bool(true),
			RequireNumbers: jsii.Bool(true), RequireSymbols: jsii.Bool(true), TemporaryPasswordValidityDays: jsii.Number(3),
		}},
		DeletionProtection: jsii.String(map[bool]string{true: "ACTIVE", false: "INACTIVE"}[in.Stage.Production]),
	})
	in.keep(pool)
	awscognito.NewCfnUserPoolDomain(stack, jsii.String("SignIn"), &awscognito.CfnUserPoolDomainProps{
		UserPoolId: pool.Ref(), Domain: jsii.String(in.Stage.Prefix() + "-" + in.place.Account), ManagedLoginVersion: jsii.Number(1),
	})
	base := in.api.url
	if in.Stage.Domain != nil {
		base = jsii.String("https://" + in.Stage.Domain.Name)
	}
	client := awscognito.NewCfnUserPoolClient(stack, jsii.String("Console"), &awscognito.CfnUserPoolClientProps{
		UserPoolId: pool.Ref(), ClientName: jsii.String("console"), GenerateSecret: jsii.Bool(true),
		AllowedOAuthFlowsUserPoolClient: jsii.Bool(true), AllowedOAuthFlows: jsii.Strings("code"), AllowedOAuthScopes: jsii.Strings("openid", "email"),
		SupportedIdentityProviders: jsii.Strings("COGNITO"), CallbackUrLs: &[]*string{jsii.String(*base + signInCallback)},
		PreventUserExistenceErrors: jsii.String("ENABLED"), EnableTokenRevocation: jsii.Bool(true),
		IdTokenValidity: jsii.Number(1), AccessTokenValidity: jsii.Number(1), RefreshTokenValidity: jsii.Number(1),
		TokenValidityUnits: &awscognito.CfnUserPoolClient_TokenValidityUnitsProperty{
			IdToken: jsii.String("hours"), AccessToken: jsii.String("hours"), RefreshToken: jsii.String("hours"),
		},
	})
	for _, p := range []struct {
		name  string
		value *string
	}{
		{stage.ParameterOIDCIssuer, jsii.String("https://cognito-idp." + in.Stage.Region + ".amazonaws.com/" + *pool.Ref())},
		{stage.ParameterOIDCClient, client.Ref()},
	} {
		awsssm.NewCfnParameter(stack, jsii.String(id("Parameter", p.name)), &awsssm.CfnParameterProps{
			Name: jsii.String(in.Stage.Parameter(p.name)), Type: jsii.String("String"), Value: p.value, Description: jsii.String("sign-in of staff"),
		})
	}
	awssecretsmanager.NewCfnSecret(stack, jsii.String("Secret"), &awssecretsmanager.CfnSecretProps{
		Name: jsii.String(in.Stage.Secret(stage.SecretOIDC)), SecretString: client.AttrClientSecret(), KmsKeyId: in.keys.rest.AttrArn(),
		Description: jsii.String("by which the console proves itself to the user pool"),
	})
}
