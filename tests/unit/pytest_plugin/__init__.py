"""Does the plugin make tests of traces?"""
