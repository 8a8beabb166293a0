"""What may be done with a screened slide: the policy, its certificates, the dispositions."""
